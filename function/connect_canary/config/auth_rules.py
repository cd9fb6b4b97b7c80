"""Which settings each auth mode needs, and each placement restricts: one row for each of them."""

from collections.abc import Mapping

from connect_canary.model.frozen import frozen
from connect_canary.model.target import AuthMode, AuthorizerPlacement


@frozen
class AuthRules:
    """The settings of one auth mode.

    `required` must be set, and exactly one of `alternatives`. `single_line` may hold no control characters. A mode that
    `signs_requests` needs a region. `secrets` are the secret settings that it uses: the endpoint receives them, or what
    is signed with them.
    """

    required: tuple[str, ...] = ()
    alternatives: tuple[str, ...] = ()
    single_line: tuple[str, ...] = ()
    signs_requests: bool = False
    secrets: tuple[str, ...] = ()


AUTH_RULES: Mapping[AuthMode, AuthRules] = {
    AuthMode.SIGV4: AuthRules(signs_requests=True),
    AuthMode.SIGV4_STATIC: AuthRules(
        required=("access_key_id", "secret_access_key"),
        single_line=("access_key_id", "secret_access_key", "session_token"),
        signs_requests=True,
        secrets=("access_key_id", "secret_access_key", "session_token"),
    ),
    AuthMode.CUSTOM_UNSIGNED: AuthRules(secrets=("authorizer_password",)),
    AuthMode.CUSTOM_SIGNED: AuthRules(
        required=("authorizer_token_key_name", "authorizer_token_value"),
        alternatives=("authorizer_token_signature", "authorizer_signing_key"),
        secrets=(
            "authorizer_password",
            "authorizer_token_value",
            "authorizer_token_signature",
            "authorizer_signing_key",
        ),
    ),
}


@frozen
class PlacementRules:
    """What a placement makes of the authorizer's fields; where they are `http_headers`, each must be able to be one."""

    http_headers: bool = False


PLACEMENT_RULES: Mapping[AuthorizerPlacement, PlacementRules] = {
    AuthorizerPlacement.USERNAME: PlacementRules(),
    AuthorizerPlacement.HEADERS: PlacementRules(http_headers=True),
    AuthorizerPlacement.QUERY: PlacementRules(),
}
