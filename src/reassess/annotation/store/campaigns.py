"""An open campaign and its settings."""

import math
import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, closing, contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import (
    Connection,
    Engine,
    select,
)

from reassess.annotation.addresses import hide_password, is_server_address
from reassess.annotation.assignment import Rules
from reassess.annotation.store import schema
from reassess.annotation.store.database import (
    RESTORE_FIX,
    CheckedWriteLock,
    check_campaign_exists,
    connect_for_reading,
    convert_database_errors,
    open_engine,
)
from reassess.annotation.store.schema import (
    check_schema_version,
)
from reassess.core import StopRule
from reassess.errors import DataError, add_error_place
from reassess.text import count_noun


@dataclass
class LeaseCheck:
    """When this process last looked for tasks whose lease has expired."""

    seconds: float = -math.inf


@dataclass(frozen=True)
class Campaign:
    """An open campaign: its database and its settings."""

    engine: Engine
    name: str  # shown at the top of the rating page
    rules: Rules
    practice_bar: float | None  # balanced accuracy needed to pass practice; None: every rater passes
    min_experts: int | None  # experts who must agree; None: more than half of those who answered
    has_original_votes: bool  # whether each original label counts as one vote
    consent_text: str  # text that people must agree to first; may be empty
    images_path: str | None  # folder or archive of the images; None if unknown
    settings: dict[str, Any]  # settings of the benchmark, as in its benchmark.json
    write_lock: AbstractContextManager[Any]  # entered for each change
    last_lease_check: LeaseCheck = field(default_factory=LeaseCheck)

    def close(self) -> None:
        """Close all database connections."""
        self.engine.dispose()


def open_campaign(address: str | Path) -> Campaign:
    """Open a campaign: an SQLite file, or a database with an address like ``postgresql://...``."""
    engine = open_engine(check_campaign_exists(address))
    try:
        with (
            convert_database_errors(address),
            add_error_place(hide_password(address)),
            connect_for_reading(engine) as connection,
        ):
            check_schema_version(connection, address)
            return _read_campaign(
                connection,
                nullcontext() if is_server_address(address) else CheckedWriteLock(engine, os.path.realpath(address)),
            )
    except BaseException:
        engine.dispose()
        raise


def _read_campaign(connection: Connection, write_lock: AbstractContextManager[Any]) -> Campaign:
    try:
        rows = connection.execute(select(schema.campaign)).all()
        if len(rows) != 1:
            raise DataError(
                "damaged-campaign",
                "table 'campaign' does not have exactly one row",
                allowed="1 row",
                found=count_noun(len(rows), "row"),
                fix=RESTORE_FIX,
            )
        (row,) = rows
        stop = None if row.stop_low is None else StopRule(row.stop_low, row.stop_high)
        return Campaign(
            engine=connection.engine,
            name=row.name,
            rules=Rules(
                votes_per_question=row.per_question,
                stop_rule=stop,
                golden_share=row.golden_share,
                lease_seconds=row.lease,
                seed=row.seed,
            ),
            practice_bar=row.bar,
            min_experts=row.at_least,
            has_original_votes=row.original_votes,
            consent_text=row.consent,
            images_path=row.images,
            settings=dict(row.settings),
            write_lock=write_lock,
        )
    except DataError:
        raise
    except (TypeError, ValueError) as error:  # SQLite allows text in columns of numbers
        raise DataError(
            "damaged-campaign", "settings of the campaign cannot be read", found=str(error), fix=RESTORE_FIX
        ) from error


@contextmanager
def use_campaign(address: str | Path) -> Iterator[Campaign]:
    """Yield an open campaign. A database error inside the `with` block becomes a `DataError`."""
    with convert_database_errors(address), closing(open_campaign(address)) as campaign:
        yield campaign
