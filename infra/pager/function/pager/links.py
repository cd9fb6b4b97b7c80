"""Links: the runbook's section, the dashboard, the log query. Each can be opened in its partition's console."""

from dataclasses import dataclass
from urllib.parse import quote

# The consoles' hosts by partition (AWS General Reference; AWS GovCloud and China user guides).
_CONSOLES = {
    "aws": "{region}.console.aws.amazon.com",
    "aws-cn": "console.amazonaws.cn",
    "aws-us-gov": "console.amazonaws-us-gov.com",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Console:
    """The CloudWatch console of a region."""

    partition: str
    region: str

    def page(self, fragment: str) -> str:
        """Return the address of a page of the console."""
        host = _CONSOLES.get(self.partition, _CONSOLES["aws"]).format(region=self.region)
        return f"https://{host}/cloudwatch/home?region={self.region}#{fragment}"

    def log_query(self, group: str, query: str, start: str, end: str) -> str:
        """Return the address of a Logs Insights query over a time (ISO 8601, UTC)."""
        members = {
            "end": _text(end),
            "start": _text(start),
            "timeType": _text("ABSOLUTE"),
            "tz": _text("UTC"),
            "editorString": _text(query),
            "source": f"(~{_text(group)})",
        }
        detail = "~(" + "~".join(f"{name}~{value}" for name, value in members.items()) + ")"
        # The console reads the query twice encoded, `$` for the second `%` (not documented; as its own links are).
        escaped = quote(detail, safe="@*_+-./").replace("~", "%7E")
        return self.page("logsV2:logs-insights" + quote(f"?queryDetail={escaped}", safe="*").replace("%", "$"))


def runbook(address: str, section: str) -> str:
    """Return the address of the runbook's section on an alarm or a failure."""
    return f"{address}#{quote(section.lower(), safe='-')}"


def _text(value: str) -> str:
    """Return a text member: an apostrophe, then the text with `*` for its percent signs."""
    return "'" + quote(value, safe="-.").replace("%", "*").replace("~", "*7E")
