"""The shipped transfer on SQLite as Python brings it, which may lose the last commit at a power cut."""

from examples.budget.app import transfer_budget
from examples.budget.scenarios import ALICE, AMOUNT, FOOD, TRAVEL, transfers

transfer = transfers(transfer_budget, ALICE, FOOD, TRAVEL, AMOUNT, settings={})
