"""Which classes a schedule is played with: the true ones, or one with a planted fault."""

from __future__ import annotations

from dataclasses import dataclass

from gateway.pending import PendingReplies
from gateway.submissions import Submissions
from scorer.lane_worker import LaneWorker
from scorer.ownership import Ownership
from scorer.publication import Publication
from scorer.replies import KafkaReplies
from tests.simulation.gateway_process import GatewayProcess
from tests.simulation.ledger import SimulatedLedger
from tests.simulation.scorer_process import ScorerProcess


@dataclass(frozen=True, slots=True)
class Parts:
    """The protocol. The last three stand in for Faust, aiokafka and the ledger process."""

    worker: type[LaneWorker] = LaneWorker
    publication: type[Publication] = Publication
    ownership: type[Ownership] = Ownership
    replies: type[KafkaReplies] = KafkaReplies
    submissions: type[Submissions] = Submissions
    pending: type[PendingReplies] = PendingReplies
    ledger: type[SimulatedLedger] = SimulatedLedger
    scorer: type[ScorerProcess] = ScorerProcess
    gateway: type[GatewayProcess] = GatewayProcess


TRUE = Parts()
