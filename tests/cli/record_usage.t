# The program says who it is and how it is used.
$ qta-record --version
| qta-record {version}
$ qta-record --help
| Usage: qta-record --config FILE [OPTION]...
|
| Keeps connections to market data providers and writes every tick to a session,
| one a day.
| It records in the folder 'sessions' unless the configuration or --output names
| another. A replay is not recorded again.
|
| Options:
|   --config FILE           the configuration, see qta-config(5)
|   --output DIR            make sessions in here, in place of what the
|                           configuration says: DIR/2024-05-01
|   --duration DURATION     stop after this time: 90s, 6h30m
|   --max-ticks N           show N ticks of the market and stop; the session keeps
|                           those that came meanwhile
|   --check-config          print what the configuration amounts to, secrets
|                           hidden, and what would keep it from starting; connect
|                           to nothing, record nothing
|   --set KEY=VALUE         a value in place of the configuration's, e.g.
|                           streaming.symbols=AAPL,MSFT; may be given again
|   --format FORMAT         print ticks as they come: ndjson, csv, text or none
|                           (default: none)
|   --log-level LEVEL       debug, info, warning or error (default: info)
|   --log-format FORMAT     text or json, one line an event, on stderr (default:
|                           text)
|   --quiet                 no progress and no summary on stderr
|   --help                  show this help and leave (-h)
|   --version               show the version and leave (-V)
|
| Signals:
|   SIGINT, SIGTERM         end cleanly and seal the session; the second time, at
|                           once
|   SIGHUP                  read the configuration and the keys again, take over
|                           what differs
|   SIGUSR1                 log how everything stands
|
| Examples:
|   qta-record --config config/streaming.yaml
|         record today
|   qta-record --config config/synthetic.yaml --max-ticks 1000 --format ndjson
|         a thousand made-up ticks, recorded and shown
|   qta-record --config config/streaming.yaml --check-config
|         what that configuration amounts to
|
| Exit status:
|   0   recorded until asked to stop, or to the end of a provider that has one
|   1   tried and failed: no provider is left, or nothing can be written any more
|   2   bad usage or configuration, or a key that is refused: trying again will
|       not help
|   3   recorded, but messages could not be read, or (without recording) ticks
|       were missed
$ qta-record
! qta-record: option '--config FILE' is missing (see 'qta-record --help')
= 2
$ qta-record --config
! qta-record: option '--config' needs a value: --config FILE
= 2
$ qta-record --config x extra
! qta-record: unexpected argument 'extra' (see 'qta-record --help')
= 2
$ qta-record --config x --max-ticks 0
! qta-record: option '--max-ticks': '0' is not a whole number from 1 on
= 2
$ qta-record --config x --duration soon
! qta-record: option '--duration': 'soon' is not a duration like 90s, 200ms or 1h30m
= 2
$ qta-record --config x --format xml
! qta-record: option '--format': 'xml' is not one of none, ndjson, csv, text
= 2
$ qta-record --config x --log-level loud
! qta-record: option '--log-level': 'loud' is not one of debug, info, warning, error
= 2
$ qta-record --confg x
! qta-record: unknown option '--confg', did you mean '--config'?
= 2
