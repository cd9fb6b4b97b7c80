"""The checks of a target that need the SDK, for `config`, which does not import it."""

from connect_canary.config.planned_target import TargetCheck
from connect_canary.probe.auth.table import validate_auth
from connect_canary.probe.tls_trust import validate_trust

TARGET_CHECKS: tuple[TargetCheck, ...] = (validate_auth, validate_trust)
