"""Privacy (paper 4.1 and 4.4): what identifies a real person is found, and replaced by a placeholder.

`find` reads one text and `find_in_call` the turns of a call; `Privacy` is the filter. The rules are data,
``<language>.yaml``: what a number is said to be, the patterns of what has letters in it, surnames and given names.
"""

from telerole.postprocess.privacy.calls import find_in_call
from telerole.postprocess.privacy.finding import find
from telerole.postprocess.privacy.items import Item, Kind
from telerole.postprocess.privacy.redacting import redact
from telerole.postprocess.privacy.rewriting import Privacy

__all__ = ["Item", "Kind", "Privacy", "find", "find_in_call", "redact"]
