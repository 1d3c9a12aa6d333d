"""A follower on real topics, in the test's own process."""

from __future__ import annotations

import asyncio
from pathlib import Path

from contracts.lanes import Lane
from gateway.ledger.database import open_lane
from gateway.ledger.follower import Follower
from gateway.ledger.store import LaneStore
from tests.conftest import FreshTopic
from tests.ledger_log import application
from tests.ledger_process import ledger_settings, produce


def test_who_asks_does_not_wait_for_records_to_come_together(
    kafka_bootstrap: str, fresh_topic: FreshTopic, tmp_path: Path
) -> None:
    settings = ledger_settings(kafka_bootstrap, fresh_topic, f"sqlite:///{tmp_path}/ledger.db")
    topics = settings.topics(Lane.SYNC)

    async def follow() -> None:
        database = open_lane(settings.database_url, Lane.SYNC)
        database.prepare(wait_s=5)
        follower = Follower(
            topics, settings.kafka, LaneStore(database, topics), fetch_max_records=100, gather_s=3_600
        )
        following = asyncio.create_task(follower.follow())
        for number, name in enumerate("ab"):
            written = [(topics.applications, 0, application(name))]
            await asyncio.to_thread(produce, kafka_bootstrap, written)
            follower.hurry()
            async with asyncio.timeout(60):
                while follower.state.records <= number:
                    await follower.stepped(0.5)
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)
        await follower.stop()
        database.close()

    asyncio.run(follow())
