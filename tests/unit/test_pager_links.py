"""Links in pages: each leads to its section, its dashboard, its log query, in the console of its partition."""

import re
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connect_canary.model.failures import Failure
from pager.attempts import Evidence
from pager.kinds import KINDS
from pager.links import Console, runbook
from tests.template.pages import Page as Document
from tests.unit.pager_factories import REFUSED, RUNBOOK, evidence_of, page_of, read_query, record_of

# As the console itself links to a query (read off its address bar, published in many places).
FROM_THE_CONSOLE = (
    "https://eu-west-1.console.aws.amazon.com/cloudwatch/home?region=eu-west-1#logsV2:logs-insights$3FqueryDetail$3D"
    "$257E$2528end$257E$25272021-07-18T20*3A59*3A59.000Z$257Estart$257E$25272021-07-15T21*3A00*3A00.000Z"
    "$257EtimeType$257E$2527ABSOLUTE$257Etz$257E$2527UTC$257EeditorString$257E$2527fields*20*40timestamp*2C*20"
    "*40message*0A*7C*20sort*20*40timestamp*20desc$257Esource$257E$2528$257E$2527*2Faws*2Flambda*2Ff$2529$2529"
)
CONSOLE = Console(partition="aws", region="eu-west-1")
DOCUMENT = Document("docs/runbook.md")


def test_log_query_is_as_the_console_writes_it() -> None:
    """The encoding is the console's own."""
    query = "fields @timestamp, @message\n| sort @timestamp desc"
    times = ("2021-07-15T21:00:00.000Z", "2021-07-18T20:59:59.000Z")
    assert CONSOLE.log_query("/aws/lambda/f", query, *times) == FROM_THE_CONSOLE


@given(query=st.text(max_size=200), group=st.text(max_size=50))
def test_log_query_keeps_every_character(query: str, group: str) -> None:
    """Whatever stands in a query is what the console reads."""
    found = read_query(CONSOLE.log_query(group, query, "2026-11-24T10:00:00.000Z", "2026-11-24T11:00:00.000Z"))
    assert (found["editorString"], found["source"]) == (query, group)
    assert (found["start"], found["end"]) == ("2026-11-24T10:00:00.000Z", "2026-11-24T11:00:00.000Z")


@pytest.mark.parametrize(
    ("partition", "region", "host"),
    [
        ("aws", "eu-west-1", "eu-west-1.console.aws.amazon.com"),
        ("aws-cn", "cn-north-1", "console.amazonaws.cn"),
        ("aws-us-gov", "us-gov-west-1", "console.amazonaws-us-gov.com"),
    ],
)
def test_console_of_the_partition(partition: str, region: str, host: str) -> None:
    """Each partition has its console."""
    link = urlsplit(Console(partition=partition, region=region).page("dashboards:name=d"))
    assert (link.scheme, link.hostname, link.path) == ("https", host, "/cloudwatch/home")
    assert (link.query, link.fragment) == (f"region={region}", "dashboards:name=d")


@pytest.mark.parametrize("section", [*Failure, *KINDS])
def test_runbook_has_the_section(section: str) -> None:
    """Whatever a page can be about has its section in the runbook."""
    assert runbook("docs/runbook.md", section).partition("#")[2] in DOCUMENT.anchors


@pytest.mark.parametrize("alarm", KINDS)
def test_links_of_a_page(alarm: str) -> None:
    """Every page links to the runbook, the dashboard, and a log query over the time of the incident."""
    failing = {**REFUSED, "failure": "UnexpectedAccept"} if alarm == "UnexpectedAcceptAlarm" else REFUSED
    text = page_of(alarm, evidence_of(record_of(**failing))).text
    links = re.findall(r"https://\S+", text.partition("LOOK AT")[2])
    assert links[0].partition("#")[0] == RUNBOOK
    assert links[0].partition("#")[2] in DOCUMENT.anchors
    assert links[1].endswith("#dashboards:name=fleet-stack-eu-west-1")
    query = read_query(links[2])
    assert query["source"] == "/aws/lambda/fleet-stack"
    assert query["start"] < "2026-11-24T11:28"
    assert query["end"] > "2026-11-24T11:33"


def test_query_asks_for_what_the_log_has() -> None:
    """The query of a page names the message and keys that the canary writes."""
    query = read_query(re.findall(r"https://\S+insights\S+", page_of("TargetsFailingAlarm", Evidence()).text)[0])
    fields = query["editorString"].partition("fields @timestamp, ")[2].partition(" |")[0].split(", ")
    assert set(fields) <= record_of(**REFUSED).keys()
    assert 'message = "connect attempt finished"' in query["editorString"]
