# Who it is and how it is used.
$ qta-replay --version
| qta-replay 0.1.0
$ qta-replay --help
| Usage: qta-replay [OPTION]... SESSION...
|
| Plays recorded sessions back, in order and at their own pace or faster. Several
| sessions are merged by receive time.
|
| Options:
|   --speed SPEED           how fast: 10x, 0.5x, or max for as fast as it can be
|                           read (default: 1x)
|   --from TIME             first receive time to play: 2024-05-01T13:30:00Z, a
|                           date, ns since 1970, or a time of day like 09:30 on
|                           the session's first day; dates and times of day are in
|                           the session's time zone
|   --to TIME               receive time to end before, written likewise
|   --start-offset DURATION
|                           skip this much of the session's time
|   --duration DURATION     play this much of the session's time
|   --symbols A,B           only these symbols, and what belongs to none
|   --types T,U             only these types: trade, quote, bar, book, conn, ...
|   --providers P,Q         only what came from these providers
|   --loop [N]              play it N times; without N, or with 0, for ever
|   --max-gap DURATION      shorten longer pauses to this much of the session's
|                           time
|   --paused                wait before the first tick, until space is pressed on
|                           the terminal or SIGUSR1 comes
|   --follow                play a session while it is recorded: what there is at
|                           once, then each tick as it comes, until the recorder
|                           closes it; one that was killed is waited for
|   --format FORMAT         ndjson, csv, text or none (default: ndjson; none with
|                           --digest, --expect-digest or --serve)
|   --time-format FORMAT    times as rfc3339 (default) or as ns since 1970
|   --digest                at the end print two lines, 'full HEX' over every
|                           field of every tick and 'market HEX' over what the
|                           venue said
|   --expect-digest HEX     fail with exit status 1 when neither the full nor the
|                           market digest is this
|   --serve HOST:PORT       serve it as Alpaca's stream, beginning with the first
|                           subscription; port 0 takes any free one
|   --serve-key KEY         the key that clients must present (default: any)
|   --serve-secret SECRET   the secret that belongs to it
|   --tls-cert FILE         serve wss:// with the certificate in this PEM file
|   --tls-key FILE          its private key, PEM
|   --quiet                 no progress and no summary on stderr
|   --help                  show this help and leave (-h)
|   --version               show the version and leave (-V)
|
| Keys and signals:
|   space                   pause and go on, when stdin is a terminal and ticks go
|                           to it or nowhere, or with --paused
|   SIGUSR1                 pause and go on
|   SIGINT, SIGTERM         end cleanly; the second time, at once
|
| Examples:
|   qta-replay --speed 10x sessions/2024-05-01
|         that day, ten times faster, as ndjson
|   qta-replay --speed max --digest sessions/2024-05-01
|         what it is, as two numbers
|   qta-replay --follow sessions/2024-05-01
|         that day, while it is recorded
|   qta-replay --from 09:30 --to 16:00 --serve 127.0.0.1:8765 sessions/2024-05-01
|         its trading hours as a live stream
|
| Exit status:
|   0   played to the end, or to a SIGINT or SIGTERM
|   1   tried and failed, or the digest was not the one expected
|   2   bad usage; nothing was done
|   3   played, but blocks that are damaged had to be skipped

# Wrong usage is one line, exit status 2, nothing done.
$ qta-replay
! qta-replay: SESSION is missing (see 'qta-replay --help')
= 2
$ qta-replay --sped 10x sessions/a
! qta-replay: unknown option '--sped', did you mean '--speed'?
= 2
$ qta-replay --speed fast sessions/a
! qta-replay: option '--speed': 'fast' is not a speed from 0.01x to 1000x or 'max'
= 2
$ qta-replay --follow --speed 2x sessions/a
! qta-replay: --speed does not go with --follow: ticks come as they are recorded
= 2
$ qta-replay --follow --loop sessions/a
! qta-replay: --start-offset, --duration, --max-gap and --loop do not go with --follow
= 2
$ qta-replay --follow sessions/a sessions/b
! qta-replay: only one session can be followed, not 2
= 2
$ qta-replay --speed 1001x sessions/a
! qta-replay: option '--speed': '1001x' is not a speed from 0.01x to 1000x or 'max'
= 2
$ qta-replay --from noon sessions/a
! qta-replay: option '--from': 'noon' is not a time like 2024-05-01T13:30:00Z, a date, 09:30 or ns since 1970
= 2
$ qta-replay --to 25:00 sessions/a
! qta-replay: option '--to': '25:00' is not a time like 2024-05-01T13:30:00Z, a date, 09:30 or ns since 1970
= 2
$ qta-replay --start-offset -5s sessions/a
! qta-replay: option '--start-offset': '-5s' is not a duration like 90s, 200ms or 1h30m
= 2
$ qta-replay --types trade,tirade sessions/a
! qta-replay: option '--types': 'trade,tirade' is not a list of types of ticks (trade, quote, bar, book, trade_cancel, trade_correct, status, luld, imbalance, conn, gap, drop, clock, marker)
= 2
$ qta-replay --types trade, sessions/a
! qta-replay: option '--types': 'trade,' is not a list of types of ticks (trade, quote, bar, book, trade_cancel, trade_correct, status, luld, imbalance, conn, gap, drop, clock, marker)
= 2
$ qta-replay --symbols AAPL,,MSFT sessions/a
! qta-replay: option '--symbols': an item of its list is empty
= 2
$ qta-replay --loop=often sessions/a
! qta-replay: option '--loop': 'often' is not a whole number from 0 to 4294967295
= 2
$ qta-replay --format xml sessions/a
! qta-replay: option '--format': 'xml' is not one of none, ndjson, csv, text
= 2
$ qta-replay --time-format iso sessions/a
! qta-replay: option '--time-format': 'iso' is not one of rfc3339, ns
= 2
$ qta-replay --expect-digest 123 sessions/a
! qta-replay: option '--expect-digest': '123' is not a digest of 16 hexadecimal digits
= 2
$ qta-replay --serve 8765 sessions/a
! qta-replay: option '--serve': '8765' is not an address like 127.0.0.1:8765 or [::1]:8765
= 2
$ qta-replay --serve ::1:8765 sessions/a
! qta-replay: option '--serve': '::1:8765' is not an address like 127.0.0.1:8765 or [::1]:8765
= 2
$ qta-replay --serve 127.0.0.1:65536 sessions/a
! qta-replay: option '--serve': '127.0.0.1:65536' is not an address like 127.0.0.1:8765 or [::1]:8765
= 2
$ qta-replay --serve 127.0.0.1:0 --format ndjson sessions/a
! qta-replay: --format does not go with --serve: the ticks go to the clients
= 2
$ qta-replay --serve 127.0.0.1:0 --digest sessions/a
! qta-replay: --digest and --expect-digest do not go with --serve
= 2
$ qta-replay --serve-key K --serve-secret S sessions/a
! qta-replay: --serve-key, --serve-secret, --tls-cert and --tls-key need --serve
= 2
$ qta-replay --serve 127.0.0.1:0 --serve-key K sessions/a
! qta-replay: --serve-key and --serve-secret go together
= 2
$ qta-replay --serve 127.0.0.1:0 --tls-cert cert.pem sessions/a
! qta-replay: --tls-cert and --tls-key go together
= 2

# A session that is not there, or is something else.
$ qta-replay --speed max sessions/a
! qta-replay: no session at 'sessions/a'
= 1
$ qta-replay --speed max --digest sessions/a
! qta-replay: no session at 'sessions/a'
= 1
$ mkdir foreign && touch foreign/notes.txt && qta-replay --speed max foreign
! qta-replay: 'foreign' is not a session: it has neither segments nor a journal
= 1
$ touch file && qta-replay --speed max file
! qta-replay: 'file' is not a session: not a directory
= 1
