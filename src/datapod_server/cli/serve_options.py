"""The options of `datapod serve`. Source: pod-protocol.md, 19.1; rest-api.md, 13.2, 15.2, 15.3."""

from __future__ import annotations

from typing import Any

from datapod_server.cli.options import Option


def _own(name: str, text: str, **more: Any) -> Option:
    """An option of Datapod's own: its environment variable is `DATAPOD_` and the name in capitals."""
    return Option(name=name, help=text, environment="DATAPOD_" + name.upper().replace("-", "_"), **more)


SERVE_OPTIONS = (
    Option(name="port", short="p", kind="integer", default=3030, help="Listening port; 3030 if left out, 0 for any free one."),
    _own("host", "Listening address; 127.0.0.1 if left out. Any other than loopback needs TLS.", default="127.0.0.1", metavar="ADDRESS"),
    _own("data-dir", "Folder for everything that is stored; 'datapod' in the user's data directory if left out.", metavar="FOLDER"),
    Option(
        name="owners",
        short="o",
        environment="POD_OWNER_HASHES",
        metavar="HASHES",
        help="Who may have a pod here: owner hashes, separated by commas, or ANY; the owner of the key file if left out.",
    ),
    Option(name="tls-pub-crt", short="c", metavar="FILE", help="TLS certificate, PEM; certs/pod.crt below the data folder if left out."),
    Option(name="tls-priv-key", short="k", metavar="FILE", help="TLS private key, PEM; certs/pod.key below the data folder if left out."),
    _own("tls", "self-signed: make a certificate and key if they are missing, and use them.", choices=("self-signed",)),
    Option(
        name="non-tls",
        short="t",
        environment="POD_NON_TLS",
        kind="flag",
        default=False,
        help="Plain HTTP on loopback, also if a certificate is configured.",
    ),
    Option(
        name="insecure-non-tls",
        environment="POD_INSECURE_NON_TLS",
        metavar="IP",
        help="Plain HTTP on this address. Whoever sees the traffic can read and forge it.",
    ),
    Option(
        name="shared-server",
        environment="SHARED_SERVER",
        kind="flag",
        default=False,
        help="Answer only /version and create_item: everybody may add, nobody may read.",
    ),
    Option(name="email-smtp-relay", environment="EMAIL_SMTP_RELAY", metavar="HOST", help="Mail relay for plugins, with implicit TLS."),
    Option(name="email-smtp-port", environment="EMAIL_SMTP_PORT", kind="integer", default=465, help="Its port; 465 if left out."),
    Option(name="email-smtp-user", environment="EMAIL_SMTP_USER", metavar="ADDRESS", help="Login at the relay, and the sender's address."),
    Option(
        name="email-smtp-password",
        environment="EMAIL_SMTP_PASSWORD",
        metavar="TEXT",
        help="Password at the relay. Better given by the environment: command lines can be seen by others.",
    ),
    _own("email-subject-prefix", "Stands before the subject of every message.", metavar="TEXT"),
    _own("oauth-platforms", "JSON file that describes the providers at which plugins may log in.", metavar="FILE"),
    _own("allow-host", "A further name of this server in Host headers; repeatable.", kind="many", metavar="NAME"),
    _own(
        "allow-origin", "A web origin whose pages may call this server; repeatable. '*' counts for /v4 only.", kind="many", metavar="ORIGIN"
    ),
    _own("http-listen-socket", "Listen on a Unix socket too (mode 0600).", metavar="PATH"),
    _own(
        "trust-loopback",
        "No credentials needed on /v1 from this machine: everybody who can open a connection here owns the pod of the key file.",
        kind="flag",
        default=False,
    ),
    _own("lock-after", "Seconds without a request until a pod is locked; 0: after each request.", kind="number", default=300.0),
    _own(
        "account-mode",
        "Treat accounts as implicit or registered; auto if left out.",
        choices=("auto", "implicit", "registered"),
        default="auto",
    ),
    _own("no-implicit-accounts", "Only POST /v4/account creates pods.", kind="flag", default=False),
    _own("max-json-mb", "Largest JSON body on /v4, in MiB.", kind="integer", default=64),
    _own("max-file-mb", "Largest file, in MiB.", kind="integer", default=500),
    Option(
        name="plugins-callback-address",
        short="s",
        environment="POD_PLUGINS_CALLBACK_ADDRESS",
        metavar="URL",
        help="Where plugins reach this server; its own address if left out.",
    ),
    Option(
        name="insecure-plugin-script",
        kind="many",
        metavar="IMAGE=/PATH",
        help="Run this program instead of a container of that image; repeatable.",
    ),
    _own("plugins-process", "Run plugins of this image as processes, with that Python; repeatable.", kind="many", metavar="IMAGE[=PYTHON]"),
    _own(
        "plugins-container-engine",
        "Program that starts containers: docker, podman, or one that takes the same arguments; the one that is installed if left out.",
        metavar="PROGRAM",
    ),
    Option(
        name="plugins-docker-network",
        environment="POD_PLUGINS_DOCKER_NETWORK",
        default="host",
        metavar="NAME",
        help="Network of containers; host, which is this machine's own, if left out.",
    ),
    _own("plugins-docker-pull", "When images are fetched.", choices=("always", "missing", "never"), default="missing"),
    Option(name="use-kubernetes", kind="flag", default=False, help="Start plugins as Jobs of a Kubernetes cluster instead of containers."),
    Option(
        name="plugins-public-domain",
        environment="PLUGINS_PUBLIC_DOMAIN",
        metavar="DOMAIN",
        help="Domain under which plugins in a cluster can be reached.",
    ),
    _own("plugins-max-seconds", "Longest time of one plugin run; 0 for none.", kind="number", default=0.0),
    _own("plugins-max-memory-mb", "Memory limit of one plugin run; 0 for none.", kind="integer", default=0),
    _own("plugin-token-lifetime", "Seconds that the token of a run is valid; 0: as long as the run.", kind="number", default=0.0),
    _own("unrestricted-plugins", "Whether runs without a declaration may start.", choices=("allow", "deny"), default="allow"),
    _own("runtime-network", "Network of in-server code that asks for nothing else.", choices=("outbound", "none"), default="outbound"),
    _own("echo-output", "Print what in-server code prints on standard error too.", kind="flag", default=False),
    _own("plugin-directory", "Folder whose plugins are loaded at the start; repeatable.", kind="many", metavar="URL"),
    _own("enable-access-log", "One log line per request, without query and keys.", kind="flag", default=False),
    Option(name="version", short="V", kind="flag", default=False, help="Print the version and end."),
)
"""In the order of the help text."""
