"""Statistics of evaluations, each a function whose docstring is its definition. Seeds are arguments.

`intervals` of a rate and of a difference; `paired` comparison of two systems on the same scripts; `clusters`, sessions
nested in scripts; `multiplicity`, several tests; `planning`, how many sessions; `agreement` of raters; `correction` of
a judge's rate; `counts` of an online test, and `sequential` looks at one.
"""

from telerole.evaluation.statistics.agreement import (
    Accuracy,
    Agreement,
    accuracy,
    agreement,
    cohen_kappa,
    fleiss_kappa,
    gwet_ac1,
    krippendorff_alpha,
    percent_agreement,
    tally,
)
from telerole.evaluation.statistics.clusters import Scores, design_effect, intraclass_correlation, pass_hat
from telerole.evaluation.statistics.correction import prediction_powered_rate, rogan_gladen
from telerole.evaluation.statistics.counts import (
    Arm,
    barnard,
    difference_test,
    fisher,
    relative_improvement,
    two_proportion_z,
)
from telerole.evaluation.statistics.intervals import (
    Estimate,
    Interval,
    newcombe,
    newcombe_paired,
    rate,
    wilson,
)
from telerole.evaluation.statistics.multiplicity import holm
from telerole.evaluation.statistics.paired import (
    Comparison,
    cluster_bootstrap,
    clustered_interval,
    clustered_rate,
    compare_means,
    compare_rates,
    mcnemar,
    mean_interval,
    sign_flip,
)
from telerole.evaluation.statistics.planning import pairs, sessions_an_arm
from telerole.evaluation.statistics.sequential import always_valid_p, sequential_interval

__all__ = [
    "Accuracy",
    "Agreement",
    "Arm",
    "Comparison",
    "Estimate",
    "Interval",
    "Scores",
    "accuracy",
    "agreement",
    "always_valid_p",
    "barnard",
    "cluster_bootstrap",
    "clustered_interval",
    "clustered_rate",
    "cohen_kappa",
    "compare_means",
    "compare_rates",
    "design_effect",
    "difference_test",
    "fisher",
    "fleiss_kappa",
    "gwet_ac1",
    "holm",
    "intraclass_correlation",
    "krippendorff_alpha",
    "mcnemar",
    "mean_interval",
    "newcombe",
    "newcombe_paired",
    "pairs",
    "pass_hat",
    "percent_agreement",
    "prediction_powered_rate",
    "rate",
    "relative_improvement",
    "rogan_gladen",
    "sequential_interval",
    "sessions_an_arm",
    "sign_flip",
    "tally",
    "two_proportion_z",
    "wilson",
]
