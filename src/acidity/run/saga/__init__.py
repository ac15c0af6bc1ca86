"""`Saga`: steps that commit one by one, each with a compensation, and a log from which every one of them is finished.

Source: H. Garcia-Molina, K. Salem, "Sagas", SIGMOD 1987. Steps that are compensated, a pivot, and steps that are tried
again until they succeed: S. Mehrotra, R. Rastogi, A. Silberschatz, H. F. Korth, "A Transaction Model for Multidatabase
Systems", ICDCS 1992.
"""

from __future__ import annotations

from acidity.run.saga.plan import SagaStep
from acidity.run.saga.saga import Saga
from acidity.run.saga.status import SagaState, SagaStatus

__all__ = ["Saga", "SagaState", "SagaStatus", "SagaStep"]
