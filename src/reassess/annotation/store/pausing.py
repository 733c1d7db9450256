"""Pausing and resuming a campaign."""

from sqlalchemy import update

from reassess.annotation.store import schema
from reassess.annotation.store.campaigns import Campaign
from reassess.annotation.store.transactions import open_transaction


def pause(campaign: Campaign, now: float, actor_id: int | None = None) -> None:
    """Pause the campaign: people get no new tasks, but answers to current tasks are saved."""
    _set_paused(campaign, True, now, actor_id)


def resume(campaign: Campaign, now: float, actor_id: int | None = None) -> bool:
    """Resume the campaign; return whether it was paused."""
    return _set_paused(campaign, False, now, actor_id)


def _set_paused(campaign: Campaign, is_paused: bool, now: float, actor_id: int | None) -> bool:
    """Pause or resume the campaign; return whether this changes anything."""
    with open_transaction(campaign) as transaction:
        pausing = update(schema.campaign).where(schema.campaign.c.paused != is_paused).values(paused=is_paused)
        is_new = bool(transaction.connection.execute(pausing).rowcount)
        if is_new:
            transaction.log_action(now, "pause" if is_paused else "resume", actor_id)
    return is_new
