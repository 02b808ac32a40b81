"""
Who opened or clicked: a person, a mail program's proxy, a scanner of links.

Told apart by what they say of themselves and where they come from, as of November 2026. What
gives no sign counts as a person: a person who is taken for a machine would lose what follows
a click, and the machines that matter do give signs.

* Apple's Mail Privacy Protection loads every picture when a message arrives, through relays
  that call themselves `Mozilla/5.0` and nothing else (Apple: "If an email's remote content is
  loaded in the background", support.apple.com/guide/iphone/iphf084865c7); its own network is
  17.0.0.0/8 (ARIN, NET-17-0-0-0-1).
* Gmail and Yahoo load pictures through proxies, too, but when somebody opens the message: those
  are people (support.google.com/a/answer/3299041).
* Scanners of mail gateways follow links before anybody reads them. Networks that mail gateways
  publish for their own mail: Microsoft (learn.microsoft.com: "Exchange Online Protection IP
  ranges"), Barracuda (campus.barracuda.com: "Email Gateway Defense IP addresses"), Proofpoint
  (67.231.144.0/20, 148.163.128.0/19, 205.220.160.0/19; ARIN, PROOF).
"""

import ipaddress
import re
from bisect import bisect_right
from functools import lru_cache

from messaging.models.receipt import ReceiptKind

PROXY_NETWORKS = ("17.0.0.0/8",)
SCANNER_NETWORKS = (
    *("40.92.0.0/15", "40.107.0.0/16", "52.100.0.0/14", "104.47.0.0/17"),
    *("64.235.144.0/20", "209.222.80.0/21"),
    *("67.231.144.0/20", "148.163.128.0/19", "205.220.160.0/19"),
)
# Whoever reads mail with a program that calls itself so is rare; whoever scans it is not.
SCANNERS = re.compile(
    r"bot\b|bot/|crawl|spider|slurp|scan|preview|fetch|monitor|validator|"
    r"curl/|wget/|libwww|python|java/|go-http|okhttp|apache-httpclient|axios|node|ruby|perl|"
    r"headless|phantom|puppeteer|playwright|selenium|"
    r"barracuda|proofpoint|mimecast|safelinks|symantec|messagelabs|trendmicro|cloudmark|"
    r"facebookexternalhit|whatsapp|telegram|slack|skype|discord",
    re.IGNORECASE,
)
PEOPLES_PROXIES = re.compile(r"GoogleImageProxy|YahooMailProxy", re.IGNORECASE)
APPLES_RELAY = "Mozilla/5.0"
# Nobody reads a message and follows a link so soon after it was sent.
TOO_SOON_SECONDS = 2.0


class Networks:
    """Addresses in ranges, found by their order."""

    def __init__(self, networks: tuple[str, ...]) -> None:
        known = sorted(ipaddress.ip_network(network) for network in networks)
        self.starts = [int(network.network_address) for network in known]
        self.ends = [int(network.broadcast_address) for network in known]

    def has(self, address: str) -> bool:
        """Say whether an IPv4 address is in one of the ranges."""
        try:
            number = int(ipaddress.IPv4Address(address))
        except ValueError:
            return False
        place = bisect_right(self.starts, number) - 1
        return place >= 0 and number <= self.ends[place]


PROXIES, SCANNERS_AT = Networks(PROXY_NETWORKS), Networks(SCANNER_NETWORKS)


def kind_of_open(*, method: str, agent: str, address: str) -> ReceiptKind:
    """Return what the loading of the pixel is."""
    if PEOPLES_PROXIES.search(agent):
        return ReceiptKind.OPENED
    if agent.strip() == APPLES_RELAY or PROXIES.has(address):
        return ReceiptKind.PREFETCHED
    if method == "HEAD" or is_scanner(agent, address):
        return ReceiptKind.SCANNED
    return ReceiptKind.OPENED


def kind_of_click(*, method: str, agent: str, address: str) -> ReceiptKind:
    """Return what the following of a link is."""
    if method == "HEAD" or is_scanner(agent, address):
        return ReceiptKind.SCANNED
    return ReceiptKind.CLICKED


@lru_cache(maxsize=4096)
def is_scanner(agent: str, address: str) -> bool:
    """Say whether a machine that follows links calls itself so, or comes from where they do."""
    return not agent.strip() or bool(SCANNERS.search(agent)) or SCANNERS_AT.has(address)
