"""The OpenAPI of `examples.checkout_api` as schemathesis reads it: whatever it sends, both applications keep to it."""

from __future__ import annotations

from pathlib import Path

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis import GenerationMode
from schemathesis.specs.openapi.checks import positive_data_acceptance

from examples.checkout_api import on_fastapi
from examples.checkout_api.__main__ import main
from examples.checkout_api.serving import FRAMEWORKS
from tests.quality.checkout_serving import serving

EXAMPLES = 40


@pytest.mark.slow
@pytest.mark.parametrize("mode", list(GenerationMode), ids=lambda mode: mode.value)
@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_whatever_is_sent(framework: str, mode: GenerationMode, tmp_path: Path) -> None:
    where = ["--db", f"sqlite:///{tmp_path / 'shop.db'}", "--gateway", str(tmp_path / "gateway")]
    assert main(["add-product", "P001", "280", "10", *where]) == 0
    schema = schemathesis.openapi.from_dict(on_fastapi.app.openapi())
    statuses: set[int] = set()
    with serving(["--framework", framework, *where], tmp_path / "log") as (_, port):

        @given(case=schema["/checkouts"]["POST"].as_strategy(mode))
        @settings(max_examples=EXAMPLES, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
        def send(case: schemathesis.Case) -> None:
            # that a product is not there, or a card is declined, no schema can say
            without = [positive_data_acceptance]
            response = case.call_and_validate(base_url=f"http://127.0.0.1:{port}", excluded_checks=without)
            statuses.add(response.status_code)

        send()
    wanted = {404} if mode is GenerationMode.POSITIVE else {422}
    assert wanted <= statuses, statuses
