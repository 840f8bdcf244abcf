"""The fixture of every test of the campaign: its cases, whose numbers enter the summary of pytest."""

from collections.abc import Iterator

import pytest

from hostile.scale import Campaign
from hostile.summary import PROPERTY


@pytest.fixture
def campaign(request: pytest.FixtureRequest) -> Iterator[Campaign]:
    """The cases of the test, whose numbers are printed when it has ended."""
    made = Campaign(request.node.name)
    yield made
    request.node.user_properties.append((PROPERTY, made.summary()))
