"""What is to be proved about `aio`; a target of its own, because it needs ``acidity[async]``."""

from __future__ import annotations

from functools import partial

from examples.bank import scenarios
from examples.bank.aio import transfer, transfer_locked
from examples.bank.scenarios import MOVED, TOO_MUCH, TWO_ARE_TOO_MUCH, A, B
from examples.command import RefusedError

asked = partial(scenarios.asked, bind="examples.bank.aio:engine")

moved = asked(transfer, ("r-1", A, B, MOVED), ("r-2", A, B, MOVED))
contended = asked(transfer, ("r-1", A, B, TWO_ARE_TOO_MUCH), ("r-2", A, B, TWO_ARE_TOO_MUCH))
moved_locked = asked(transfer_locked, ("r-1", A, B, MOVED), ("r-2", A, B, MOVED))
crossed_locked = asked(transfer_locked, ("r-1", A, B, MOVED), ("r-2", B, A, MOVED))
contended_locked = asked(transfer_locked, ("r-1", A, B, TWO_ARE_TOO_MUCH), ("r-2", A, B, TWO_ARE_TOO_MUCH))
too_much = asked(transfer, ("r-1", A, B, TOO_MUCH), raises=RefusedError)
to_nobody = asked(transfer, ("r-1", A, "Z", MOVED), raises=RefusedError)
to_nobody_locked = asked(transfer_locked, ("r-1", A, "Z", MOVED), raises=RefusedError)
