"""A scorer that dies of one amount: SIGKILL in the middle of deciding, as a fault in native code ends it.

Everything else is the real scorer; a process of its own, so that a test can watch it die.
"""

from __future__ import annotations

import asyncio
import dataclasses
import os
import signal
import sys
from typing import Any, Final, cast

import numpy as np

from scorer.__main__ import Scorer, _served
from scorer.lane_worker import LaneWorker, Outlets, Rules
from scorer.model import ServingModel
from scorer.pair import ModelInUse
from scorer.publication import Publication
from scorer.settings import ScorerSettings

FATAL_AMOUNT: Final = 1_234_567.0


class Deadly:
    """A model that kills its process when a micro-batch holds the fatal amount."""

    def __init__(self, model: Any) -> None:
        self._model = model

    def __getattr__(self, name: str) -> Any:
        return getattr(self._model, name)

    def select(self, features: Any) -> Any:
        if (features == np.float32(FATAL_AMOUNT)).any():
            os.kill(os.getpid(), signal.SIGKILL)
        return self._model.select(features)


class KillerScorer(Scorer):
    """The real parts, wired around a deadly model."""

    def _worker(self) -> LaneWorker:
        settings = self.settings
        return LaneWorker(
            Rules(settings.lane, settings.instance, settings.reply_topics, settings.max_value_bytes),
            model=self._deadly,
            outlets=Outlets(
                Publication(settings.lane.predictions.name, log=self.durable_log, stream=self.predictions),
                self.durable_log,
                self.replies,
            ),
            metrics=self.metrics,
        )

    def _deadly(self) -> ModelInUse:
        in_use = self.pair.current()
        return dataclasses.replace(in_use, serving=cast(ServingModel, Deadly(in_use.serving)))


if __name__ == "__main__":
    sys.exit(asyncio.run(_served(KillerScorer(ScorerSettings()))))
