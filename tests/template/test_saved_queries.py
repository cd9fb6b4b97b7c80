"""The saved queries of Logs Insights: they ask for what the canary writes into its log."""

import re

import pytest

from connect_canary.model.phases import Phase
from tests.template.cloudformation import canary
from tests.template.pages import Page
from tests.unit.factories import outcome_of

STACK = canary()
QUERIES = STACK.of_type("AWS::Logs::QueryDefinition")
# What CloudWatch and Powertools add to a record, and the names that a query gives itself.
KNOWN = {"@timestamp", "@message", "message", "level", *outcome_of().as_dict()}
KEYWORDS = {*("fields", "filter", "stats", "sort", "limit", "by", "as", "and", "or", "like", "desc"), *("count", "min")}
FUNCTIONS = {"max", "latest", "ispresent"}


@pytest.mark.parametrize("name", QUERIES)
def test_query_asks_for_what_is_written(name: str) -> None:
    """Every field is a key of the log's records, a part of one, or named in the query itself."""
    query = re.sub(r'"[^"]*"|/[^/]*/', "", QUERIES[name]["QueryString"])
    named = set(re.findall(r" as (\w+)", query))
    words = set(re.findall(r"@?[a-z][\w.]*", query)) - KEYWORDS - FUNCTIONS - named
    roots = {word.partition(".")[0] for word in words}
    assert roots <= KNOWN
    assert {word for word in words if word.startswith("phases_ms.")} <= {f"phases_ms.{phase}" for phase in Phase}


@pytest.mark.parametrize("name", QUERIES)
def test_query_is_the_stacks_own(name: str) -> None:
    """It stands under the stack's name, and reads the canary's log group only."""
    assert QUERIES[name]["Name"].startswith("stack-name/")
    assert QUERIES[name]["LogGroupNames"] == ["<CanaryLogGroup>"]


def test_runbook_names_each_query() -> None:
    """As the console lists it."""
    section = Page("docs/runbook.md").text
    names = [query["Name"].partition("/")[2] for query in QUERIES.values()]
    assert len(names) == 4
    assert [name for name in names if f"`{name}`" not in section] == []
