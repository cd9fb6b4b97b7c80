"""The table of reference sources."""

from collections.abc import Mapping

from connect_canary.config.sources.secrets_manager import SECRETS_MANAGER
from connect_canary.config.sources.source import ReferenceSource
from connect_canary.config.sources.ssm import SSM

SOURCES: Mapping[str, ReferenceSource] = {source.scheme: source for source in (SSM, SECRETS_MANAGER)}
# How references are written, for the help and the JSON Schema.
REFERENCE_FORMS = ", ".join(form for source in SOURCES.values() for form in source.forms)
