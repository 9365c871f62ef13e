"""What tests share: the bundled library and one scenario of each language."""

from __future__ import annotations

import pytest

from telerole import Catalog, Scenario


@pytest.fixture(scope="session")
def catalog() -> Catalog:
    return Catalog.bundled()


@pytest.fixture(scope="session", params=["en", "zh"])
def scenario(request: pytest.FixtureRequest, catalog: Catalog) -> Scenario:
    return catalog.sample(1, seed=3, language=request.param)[0]


@pytest.fixture(scope="session")
def scenarios(catalog: Catalog) -> list[Scenario]:
    return catalog.sample(24, seed=5)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put those with a time limit of their own first: they take longest, and shared out, no worker waits for them."""
    items.sort(key=lambda item: item.get_closest_marker("timeout") is None)
