"""A tuning study's trials as nested runs of the training run that goes through them."""

from __future__ import annotations

from dataclasses import dataclass, field

from training.errors import RegistryUnavailable
from training.registry import Registry
from training.tune import TrialFinished


@dataclass(frozen=True, slots=True)
class NestedTrials:
    """Logs each trial it is called with under the run `run_id`.

    The study is the truth, so a tracking server that is away stops nothing: what it missed waits here for
    the next trial, or for `catch_up` when the search is over.
    """

    registry: Registry
    run_id: str
    _waiting: list[TrialFinished] = field(default_factory=list)

    def __call__(self, trial: TrialFinished) -> None:
        """Log the trial after those that wait."""
        self._waiting.append(trial)
        self.catch_up()

    def catch_up(self) -> None:
        """Log what waits, as far as the server answers."""
        while self._waiting:
            try:
                self.registry.log_trial(self.run_id, self._waiting[0])
            except RegistryUnavailable:
                return
            del self._waiting[0]
