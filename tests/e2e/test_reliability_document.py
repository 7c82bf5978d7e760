"""docs/reliability.md tells of the scenarios that there are, and of nothing else."""

from faultreport import documented, scenario_names


def test_the_document_lists_the_scenarios():
    assert scenario_names()
    assert list(documented()) == scenario_names()
