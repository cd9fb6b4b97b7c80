"""The help texts of the command line."""

import textwrap

from connect_canary.config.sources.table import REFERENCE_FORMS, SOURCES

DESCRIPTION = """\
Can a client connect to AWS IoT Core over WebSockets right now, and if not,
where and why does it fail? Connects once as a device would (TLS, WebSocket
upgrade, MQTT CONNECT), disconnects, and shows how long each phase took."""
EPILOG = """\
examples:
  connect-canary abc-ats.iot.eu-west-1.amazonaws.com
      with your AWS credentials (environment, profile or role)
  connect-canary HOST --profile dev --verbose
      with those of a profile, SSO included; shows all that is known
  connect-canary HOST --repeat 20 --interval 2
      twenty times, with a summary; Ctrl-C ends earlier
  connect-canary HOST --auth_mode custom-unsigned --authorizer_name NAME \\
      --authorizer_username USER --authorizer_password -
      with a custom authorizer; asks for the password
  connect-canary check --targets @targets.json
      checks a targets document and connects to nothing
  connect-canary connect HOST --repeat 20 --json |
      connect-canary report --html report.html
      a page of twenty runs; of a deployed canary with --log-group NAME

exit codes:
  0    every target is healthy, or with check: everything can be used, or with
       report: the page is written, whatever it shows
  1    a target is unhealthy
  2    the question is wrong: a flag, a variable or a target cannot be used
       (targets that can be used have run all the same)
  3    the canary itself failed, or the system did not let it go on
  130  interrupted before there was an outcome
  141  nobody reads the output any more

`connect-canary connect --help` lists every flag.
"""
SETTINGS_HELP = textwrap.fill(
    "Every setting is a flag; one that is not given is taken from the variable of its name "
    "(--auth_mode, CANARY_AUTH_MODE). Any value may be a reference that is read at run time: "
    f"{REFERENCE_FORMS}.",
    width=78,
    break_on_hyphens=False,
)
_REFERENCE_LINES = "\n".join(f"    {source.forms[-1]:<42}a reference" for source in SOURCES.values())
SECRETS_HELP = f"""\
secrets:
  Flags marked SECRET do not take the secret itself, because every process on
  this machine can read another one's arguments. They take
{_REFERENCE_LINES}
    @FILE                                     the text in a file
    -                                         standard input; a terminal asks
  or set the variable (CANARY_AUTHORIZER_PASSWORD ...) instead. --targets takes
  the same, and a document itself only if it holds no secret.
"""
