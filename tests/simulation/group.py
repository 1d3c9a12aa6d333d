"""A consumer group as the broker sees it: members, generations, eager rebalances, fenced commits."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from scorer.committed import Commit
from tests.history import events
from tests.simulation.broker import Broker

_EXPIRY_S = 0.1


@dataclass(frozen=True, slots=True)
class Assignment:
    """What a member is told when a rebalance ends."""

    member: str
    generation: int
    partitions: frozenset[int]


@dataclass(slots=True)
class _Member:
    heard_at: float
    #: Answers the member's join; None while it does not wait for a generation.
    joined: Callable[[Assignment], None] | None = None


@dataclass(slots=True)
class Group:
    """The coordinator of one group over `partitions` of one topic."""

    broker: Broker
    partitions: int
    session_s: float
    rebalance_s: float
    generation: int = 0
    commits: dict[int, Commit] = field(default_factory=dict)
    history: list[events.Commit] = field(default_factory=list)
    #: How often a generation ended while the input at (partition, offset) was being tried by itself.
    ended_while_trying: Counter[tuple[int, int]] = field(default_factory=Counter)
    #: Whether scoring itself killed a worker since it was last asked.
    has_scoring_killed: Callable[[], bool] = lambda: False
    _members: dict[str, _Member] = field(default_factory=dict)
    _is_rebalancing: bool = False
    _names: int = 0

    def start(self) -> None:
        """Look for members that fell silent, for ever."""
        self._expire()

    async def join(self, member: str | None) -> Assignment:
        """Become, or stay, a member; back when the generation begins."""
        answer: asyncio.Future[Assignment] = self.broker.loop.create_future()
        self.broker.loop.outside(self.broker.chance.delay_s(), self._join, member, answer)
        return await answer

    async def heartbeat(self, member: str, generation: int) -> bool:
        """Whether the member may go on; False when it has to join again."""
        return await self.broker.call(lambda: self._heartbeat(member, generation))

    async def leave(self, member: str) -> None:
        """Let go of all partitions at once."""
        await self.broker.call(lambda: self._remove(member))

    async def read(self, partitions: set[int]) -> dict[int, Commit]:
        """See CommittedOffsets."""
        return await self.broker.call(
            lambda: {p: commit for p, commit in self.commits.items() if p in partitions}
        )

    async def commit(self, member: str, generation: int, offsets: dict[int, int], note: str) -> bool:
        """Whether the commit was taken, as far as the member can know."""
        taken = await self.broker.call(lambda: self._commit(member, generation, offsets, note))
        return taken and not self.broker.chance.happens(self.broker.chance.weather.commit_lost)

    def _commit(self, member: str, generation: int, offsets: dict[int, int], note: str) -> bool:
        if member not in self._members or generation != self.generation:
            return False
        for partition, offset in offsets.items():
            self.commits[partition] = Commit(offset, note)
            ends = (self.broker.end("predictions", partition), self.broker.end("applications-dlq", partition))
            self.history.append(events.Commit(partition, offset, *ends))
        return True

    def _join(self, member: str | None, answer: asyncio.Future[Assignment]) -> None:
        if member is None or member not in self._members:
            self._names += 1
            member = f"member-{self._names}"
        known = self._members.setdefault(member, _Member(self.broker.loop.time()))
        known.heard_at = self.broker.loop.time()
        known.joined = lambda assignment: self.broker.respond(answer, assignment)
        self._rebalance()
        self._complete_if_all_are_here()

    def _heartbeat(self, member: str, generation: int) -> bool:
        known = self._members.get(member)
        if known is None:
            return False
        known.heard_at = self.broker.loop.time()
        return generation == self.generation and not self._is_rebalancing

    def _remove(self, member: str) -> None:
        if self._members.pop(member, None) is not None:
            self._rebalance()
            self._complete_if_all_are_here()

    def _rebalance(self) -> None:
        if not self._is_rebalancing:
            self._is_rebalancing = True
            self.broker.loop.outside(self.rebalance_s, self._complete, self.generation)

    def _complete_if_all_are_here(self) -> None:
        if all(member.joined is not None for member in self._members.values()):
            self._complete(self.generation)

    def _complete(self, generation: int) -> None:
        if generation != self.generation or not self._is_rebalancing:
            return
        self._members = {name: member for name, member in self._members.items() if member.joined}
        self._is_rebalancing = False
        self.generation += 1
        if not self.has_scoring_killed():
            tried = [
                (p, commit.offset) for p, commit in self.commits.items() if commit.note.startswith("trying")
            ]
            self.ended_while_trying.update(tried)
        names = list(self._members)
        self.broker.chance.random.shuffle(names)
        for at, name in enumerate(names):
            member = self._members[name]
            member.heard_at = self.broker.loop.time()
            owned = frozenset(range(at, self.partitions, len(names)))
            assert member.joined is not None
            member.joined(Assignment(name, self.generation, owned))
            member.joined = None

    def _expire(self) -> None:
        now = self.broker.loop.time()
        for name, member in list(self._members.items()):
            if member.joined is None and now - member.heard_at > self.session_s:
                self._remove(name)
        self.broker.loop.outside(_EXPIRY_S, self._expire)
