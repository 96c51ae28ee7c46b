/** Help topics about watching the fleet. */

export const logTopic = `THE LOG

  walt log show [REGEXP]     what was said, of the last hour unless --history says otherwise
  walt log tail [REGEXP]     the last minute, then what comes
  walt log wait REGEXP       waits for a line; with --mode ALL for one of each node of --issuers
  walt log echo STREAM TEXT  adds a line

Who speaks is the issuer: a node, or "server". Each speaks in streams:

  agent      what a node's walt-agent says: warnings of memory and disk, how a reboot went
  platform   what befalls nodes (booted, down, rebooting and why), and alerts
  others     as programs choose to name them

--issuers takes a node set, "server", or both with a comma; --streams and the argument are
regular expressions. With --json each line is a JSON document of its own.

From a node

Programs on a node write to the log through its agent, as any user:

  walt-log-echo STREAM TEXT...          a line
  PROGRAM | walt-log-cat STREAM         its output, line by line
  PROGRAM | walt-log-tee STREAM         the same, and passes it on

Lines wait on the node while the server is away: up to 10000, or a megabyte; then the oldest
go, and how many went is a line of its own. So is what a node logs beyond 6000 lines a minute.

Which part

  --history full         all that is kept: 30 days, a million lines
  --history -2h:         the last two hours (s, m, h, d)
  --history -2d:-1d      from two days ago to one day ago
  --history begin:       since the checkpoint "begin"
  --history none         nothing of the past (with --realtime, or "walt log wait")

A checkpoint is a moment with a name, for instance the begin of an experiment:

  walt log add-checkpoint NAME, walt log list-checkpoints, walt log remove-checkpoint NAME`

export const monitoringTopic = `WATCHING THE FLEET

  walt top [NODES]    how the nodes do, again and again (s sorts, q ends; --once, --json)
  walt events         what happens to nodes, and alerts, as it happens
  walt alerts         what is wrong now; --all what was
  walt log tail       what nodes and the platform say (walt help show log)

History

Each node tells its load, memory, swap, writable layer, traffic and temperature every ten
seconds. That is kept for an hour; averages of a minute for a day; of ten minutes for a month:
GET /api/v1/nodes/NAME/history.

Alerts

  node-lost            it did not come back, and its power could not be cycled
  unexpected-restart   it was up, and boots though nobody asked: watchdog, crash, power
  root-degraded        its NFS server does not answer it
  overlay-filling      its writable layer is at 80 %, then 95 %, of its bytes or files
  swap-filling         its swap is at 80 %, then 95 %
  swap-quota           the swap of all nodes is at 80 %, then 95 %, of swap.quota

Each is told once when it begins, when its level changes, and when it is over (five hundredths
below where it began): in the log, as an event, on the MQTT topic walt/v1/alerts, and to the
URL of alerts.webhook in the server's configuration (POST, JSON).

Prometheus

/metrics of the server's HTTP port has the server's own figures and those of each node
(walt_node_...{node="NAME"}), behind the token: "authorization: { credentials_file: ... }"
with run/api.token of the state folder. server/monitoring has alert rules and a dashboard for
Grafana. /healthz says whether the server lives, /readyz whether it can be used.

Programs

/api/v1/openapi.json describes the API. /api/v1/events are server-sent events with ids: one
who comes back with Last-Event-ID gets what it missed, or "reset" if that is too long ago.`
