"""The sentence for what pip, uv or venv said when it failed."""

_NO_NETWORK = (
    "Temporary failure in name resolution",
    "Name or service not known",
    "NewConnectionError",
    "NameResolutionError",
    "ConnectTimeoutError",
    "ProxyError",
    "dns error",
    "Network is unreachable",
    "network is unreachable",
    "error sending request",
    "tcp connect error",
    "Connection refused",
    "Request failed after",
)
_NO_VENV = ("No module named venv", "ensurepip is not available", "No module named ensurepip")
_NO_SPACE = ("No space left on device",)


def explain(output: str, python: str) -> str:
    """Return why a command failed, in one sentence."""
    if _has(output, _NO_VENV):
        return f"{python} cannot make a virtual environment; on Debian: apt install python3-venv. uv would do as well."
    if _has(output, _NO_SPACE):
        return "no space is left on the disk."
    if _has(output, _NO_NETWORK):
        return "the package index cannot be reached; look at the network, and at HTTPS_PROXY behind a proxy."
    lines = [line.strip() for line in output.splitlines() if line.strip() and not line.startswith("make")]
    errors = [line for line in lines if line.lower().startswith("error")]
    return f"{(errors or lines)[-1]}." if lines else "the command ended without a word."


def _has(output: str, parts: tuple[str, ...]) -> bool:
    return any(part in output for part in parts)
