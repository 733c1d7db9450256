"""How long a change waits for another one."""

import pytest

from reassess.annotation.store import database as store
from reassess.annotation.store.campaigns import changing
from tests.annotation.campaigns import campaign_at


def test_on_a_server_a_change_does_not_wait_for_ever_for_another(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "_PATIENCE", 50)
    campaign = campaign_at(database, (2,), raters=1, golden_rate=0)
    with changing(campaign) as change:
        change.person(2)
        with pytest.raises(store.UnavailableError, match="lock timeout"), changing(campaign) as other:
            other.person(2)
    campaign.close()
