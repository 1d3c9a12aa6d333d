"""A stand-in for scoring: cheap, different at each call, and deadly for some applications."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import cast

from contracts.application import Application
from contracts.events import ModelVersion, Reason
from scorer.decide import History, Verdict
from scorer.deciding import Decide
from scorer.model import ServingModel
from scorer.pair import ModelInUse
from tests.simulation.virtual_time import Killed, current_process

#: Amounts of credit that scoring dies of, never bears, and bears with every second version only.
DEADLY = 666_000.0
UNBEARABLE = 777_000.0
MOODY = 888_000.0


@dataclass(slots=True)
class Oracle:
    """Gives each scoring a number of its own, so that two decisions about one application differ."""

    scorings: int = 0
    deaths: int = 0
    _told: int = 0

    def decide_for(self, version: Callable[[], int]) -> Decide:
        """`scorer.decide.decide` for a process."""

        def decide(
            applications: Sequence[Application], _model: ServingModel, _history: History | None
        ) -> list[Verdict]:
            return [self._verdict(one, version()) for one in applications]

        return decide

    def has_killed(self) -> bool:
        """Whether a scoring killed its process since this was last asked."""
        is_new, self._told = self.deaths > self._told, self.deaths
        return is_new

    def _verdict(self, application: Application, version: int) -> Verdict:
        if application.AMT_CREDIT == DEADLY:
            process = current_process()
            assert process is not None
            self.deaths += 1
            process.kill()
            raise Killed
        if application.AMT_CREDIT == UNBEARABLE or (application.AMT_CREDIT == MOODY and version % 2):
            raise ValueError("unbearable")
        self.scorings += 1
        probability = (self.scorings % 1_000_000) / 1_000_000
        reason = (Reason("NUMBER", f"scoring {self.scorings}", 1),)
        return Verdict(float(self.scorings), probability, 500, "refer", reason, "f" * 64)


def model_in_use(version: int) -> ModelInUse:
    """A promoted model without a model."""
    digest = f"{version:064d}"
    return ModelInUse(ModelVersion("credit-risk", str(version)), digest, "then", cast(ServingModel, None))
