# The program and its commands say who they are and how they are used.
$ qta-session --version
| qta-session 0.1.0
$ qta-session info -V
| qta-session 0.1.0
$ qta-session --help
| Usage: qta-session COMMAND [ARGUMENT]...
|
| Works on recorded sessions: folders that qta-record or an import has made.
|
| Options:
|   --help                  show this help and leave (-h)
|   --version               show the version and leave (-V)
|
| Commands:
|   cat                     print the ticks of sessions
|   compact                 make sessions smaller
|   diff                    compare two sessions
|   export                  write sessions as ndjson, CSV or Parquet
|   frames                  print the messages of the venues, where they were
|                           stored
|   gaps                    say what is not in sessions, and why
|   import                  make a session of what was exported, or of other
|                           people's tick files
|   info                    say what is in sessions
|   ls                      list the sessions of a directory
|   merge                   make one session of several
|   pin                     keep sessions from being pruned
|   prune                   remove the oldest sessions of a directory
|   redecode                decode the stored messages of a session once more
|   reindex                 make the index of sessions anew
|   repair                  save what is good of a damaged session
|   unpin                   let them go again
|   verify                  read every byte and check every checksum
|   'qta-session COMMAND --help' tells more.
|
| Examples:
|   qta-session info sessions/2024-05-01
|         what was recorded that day
|   qta-session cat --symbols SPY --types trade sessions/2024-05-01 | head
|         the first trades of one symbol
|   qta-session verify sessions/*
|         whether everything can still be read
|
| Exit status:
|   0   done
|   1   tried and failed
|   2   bad usage or configuration; nothing was done
|   3   done, but something was lost or is damaged
$ qta-session -h | head -1
| Usage: qta-session COMMAND [ARGUMENT]...
$ qta-session info --help
| Usage: qta-session info [--json] SESSION...
|
| Says what is in sessions: how many ticks of which types, from when to when, in
| how many bytes. Works while a session is being recorded.
|
| Options:
|   --json                  one JSON object for each session, on a line of its own
|   --help                  show this help and leave (-h)
|   --version               show the version and leave (-V)
|
| Names in the JSON object:
|   session
|         the path as it was given
|   ticks
|         market ticks; by_type has a number for each type of record there is
|   records
|         market ticks and feed records (connections, gaps, ...)
|   symbols, providers
|         how many have a name in the session
|   runs  how often a recorder opened it
|   segments, bytes
|         sealed files, and the size of all files together
|   first_ts_recv, last_ts_recv
|         when the first and last record was received; null when there is none
|   gaps, dropped
|         outages on record, healed ones twice; ticks that a slow subscriber
|         missed
|   raw_frames, raw_bytes
|         messages of the venues that are stored, and their size as they came
|   lost  records that a repair found lost
|   sealed
|         nothing waits in the journal, and the last run was closed
|   live, timezone
|         whether it is being recorded now, and the zone that cuts its days
|
| Examples:
|   qta-session info sessions/2024-05-01
|         for people
|   qta-session info --json sessions/* | jq '.ticks'
|         for scripts
|
| Exit status:
|   0   done
|   1   tried and failed
|   2   bad usage or configuration; nothing was done
|   3   done, but something was lost or is damaged
$ qta-session verify --help
| Usage: qta-session verify [--quiet] SESSION...
|
| Reads every byte of sessions and checks every checksum, that no record is
| missing and no time goes back, and that the index says what the segments hold.
| Prints one line for each problem and one for each session. Changes nothing;
| works while a session is being recorded.
|
| Options:
|   --quiet                 print problems only, no line for sessions that are
|                           good
|   --help                  show this help and leave (-h)
|   --version               show the version and leave (-V)
|
| Examples:
|   qta-session verify sessions/2024-05-01
|         one session
|   qta-session verify --quiet sessions/*
|         all of them, from cron: prints nothing when all is well
|
| Exit status:
|   0   every session is whole
|   1   a session could not be read at all
|   2   bad usage; nothing was done
|   3   at least one session is damaged
$ qta-session cat --help
| Usage: qta-session cat [OPTION]... SESSION...
|
| Prints the records of sessions in the order in which they were received, one
| session after the other. Numbers have exactly the digits that were stored. Of a
| session that is being recorded, what there is so far. TIME is an instant
| (2024-05-01T13:30:00Z, or ns since 1970), or a date (2024-05-01) or a time of
| day (09:30) in the session's time zone.
|
| Options:
|   --format FORMAT         ndjson (the default): a JSON object a line; csv: with
|                           a header line; text: in columns, for people
|   --time-format FORMAT    rfc3339 (the default), or ns: integers since 1970
|   --from TIME             only what was received at this time or later
|   --to TIME               only what was received before this time
|   --event-from TIME       only what has a venue's time, and this one or later
|   --event-to TIME         only what has a venue's time, and one before this
|   --symbols A,B           only these symbols, and records that belong to no
|                           symbol
|   --types A,B             only these types, e.g. trade,quote
|   --providers A,B         only what these providers sent
|   --limit N               stop after so many lines
|   --follow                at the end of a session that is being recorded wait
|                           for more, until its recorder closes it; one that was
|                           killed is waited for
|   --help                  show this help and leave (-h)
|   --version               show the version and leave (-V)
|
| Examples:
|   qta-session cat sessions/2024-05-01 | head
|         how a session begins
|   qta-session cat --types trade --symbols SPY --format csv \
|       sessions/2024-05-01 > spy.csv
|         the trades of one symbol as a table
|   qta-session cat --from 09:30 --to 09:31 --format text sessions/2024-05-01
|         one minute, for people
|   qta-session cat --follow --types trade sessions/2024-05-01
|         trades as they come in
|   qta-session cat --types conn,gap,drop sessions/*
|         what went wrong, and when
|
| Exit status:
|   0   done; also when the reader of a pipe has had enough, and with --follow
|       after a SIGINT or SIGTERM
|   1   a session could not be read, or the output not be written
|   2   bad usage; nothing was done
|   3   done, but a damaged block had to be left out
$ qta-session import --help
| Usage: qta-session import [--format FORMAT] --output SESSION [OPTION]... FILE...
|        qta-session import --type TYPE --columns NAME=COLUMN,...
|                           --output SESSION [OPTION]... FILE...
|
| Makes a session of files that 'qta-session export' wrote as ndjson or CSV, or,
| with --columns, of other people's CSV (plain, gzip or zstd, told by content; '-'
| is standard input), in the order of the files and lines, with exactly the digits
| that are there.
| Of an export every record comes back in its place. Lines that are wrong are
| reported with file and line, and left out.
| Of other CSV every row becomes one tick. If a row is wrong, the import fails
| with its file and line and leaves nothing behind.
|
| Options:
|   --format FORMAT         csv (the default), or ndjson: an export of ours
|   --type TYPE             what a row is: trade or quote
|   --columns NAME=COLUMN,...
|                           which column is what, by number from 1 or by the name
|                           in the header line; see below. Without it the CSV is
|                           an export of ours
|   --output SESSION        the session to make; it must not be there yet
|   --symbol SYMBOL         the symbol of every row, if no column has it
|   --provider NAME         the provider of every row (default: import)
|   --time-unit UNIT        of times: rfc3339 (the default), or numbers in s, ms,
|                           us or ns, fractions allowed
|   --date YYYY-MM-DD       times count from the midnight that begins this day, in
|                           time elapsed (without it: from 1970-01-01 UTC)
|   --tz ZONE               whose midnight, e.g. America/New_York (default: UTC);
|                           of an export: the time zone to note in the session
|   --scale NAME=NUMBER,...
|                           multiply these columns, exactly: price=1e-4 makes
|                           1674200 167.4200
|   --null TEXT             prices and sizes that are this text are absent, e.g. 0
|   --delimiter CHARACTER   between cells (default: a comma); tab is understood
|   --conditions-separator CHARACTER
|                           between the codes in a cell of conditions (without it
|                           a cell is one code); space is understood
|   --header                the first row of each file is a header; implied by
|                           columns by name
|   --quiet                 no summary and no progress
|   --help                  show this help and leave (-h)
|   --version               show the version and leave (-V)
|
| Columns:
|   ts_event, ts_recv
|         the venue's time, and when it was received; one of them is needed.
|         Without ts_recv it is ts_event; where it would go back it is raised
|   symbol, src_seq
|         of trades and quotes
|   price, size, id, exchange, conditions, tape, side
|         of trades; price is needed
|   bid_price, bid_size, bid_exchange, ask_price, ask_size, ask_exchange,
|   conditions, tape
|         of quotes; a price is needed. 'exchange' is for the sides that are there
|   Columns without a name are left out. Empty cells are absent, but prices and
|   sizes must be numbers or the text of --null.
|
| Examples:
|   qta-session import --format ndjson --output sessions/day day.ndjson.zst
|         an export, back again
|   qta-session import --type trade \
|       --columns ts_event=time,price=px,size=qty \
|       --symbol BTC-USD --output sessions/btc trades.csv.gz
|         a file with a header line and RFC 3339 times
|   qta-session import --type trade \
|       --columns ts_event=1,price=2,size=3,exchange=4,conditions=5 \
|       --scale price=1e-4 --time-unit ms --date 2013-10-08 \
|       --tz America/New_York --symbol SPY --output sessions/spy spy.csv.zst
|         ms since midnight in New York, prices in hundredths of a cent
|   qta-session import --type quote \
|       --columns ts_event=1,bid_price=2,bid_size=3,ask_price=4,ask_size=5 \
|       --null 0 --time-unit ns --symbol AIG --output sessions/aig aig.csv
|         quotes with one side a row, the other side being 0
|   unzip -p ticks.zip | qta-session import --type trade \
|       --columns ts_event=1,price=2 --time-unit s \
|       --symbol X --output sessions/x -
|         from a pipe
|
| Exit status:
|   0   every row is a tick of the new session
|   1   failed, e.g. for a row of --columns that is wrong: nothing is left of the
|       session
|   2   bad usage; nothing was done
|   3   done, but lines of an export were wrong and left out, or numbers were
|       rounded or conditions did not fit (such ticks are flagged)

# Bad usage is one line on stderr and exit 2.
$ qta-session
! qta-session: COMMAND is missing (see 'qta-session --help')
= 2
$ qta-session inof
! qta-session: unknown command 'inof', did you mean 'info'?
= 2
$ qta-session frobnicate
! qta-session: unknown command 'frobnicate' (see 'qta-session --help')
= 2
$ qta-session --jsno
! qta-session: unknown option '--jsno' (see 'qta-session --help')
= 2
$ qta-session info
! qta-session info: SESSION is missing (see 'qta-session info --help')
= 2
$ qta-session info --jsno x
! qta-session info: unknown option '--jsno', did you mean '--json'?
= 2
$ qta-session info --json=1 x
! qta-session info: option '--json' takes no value
= 2
$ qta-session verify --quick x
! qta-session verify: unknown option '--quick', did you mean '--quiet'?
= 2
$ qta-session cat
! qta-session cat: SESSION is missing (see 'qta-session cat --help')
= 2
$ qta-session cat --format xml x
! qta-session cat: option '--format': 'xml' is not one of ndjson, csv, text
= 2
$ qta-session cat --types trade,tirade x
! qta-session cat: option '--types': 'trade,tirade' is not a list of types: trade, quote, bar, book, trade_cancel, trade_correct, status, luld, imbalance, conn, gap, drop, clock, marker
= 2
$ qta-session cat --from yesterday x
! qta-session cat: option '--from': 'yesterday' is not a time like 2024-05-01T13:30:00Z, a date, 09:30 or ns since 1970
= 2
$ qta-session cat --follow a b
! qta-session cat: only one session can be followed, not 2
= 2
$ qta-session cat --limit -1 x
! qta-session cat: option '--limit': '-1' is not a whole number from 0 on
= 2
$ qta-session cat --limit
! qta-session cat: option '--limit' needs a value: --limit N
= 2
$ qta-session cat --symbols A,,B x
! qta-session cat: option '--symbols': an item of its list is empty
= 2
$ qta-session import --type trade --columns ts_event=1,price=2 x.csv
! qta-session import: option '--output SESSION' is missing (see 'qta-session import --help')
= 2
$ qta-session import --type bar --columns ts_event=1,price=2 --output x x.csv
! qta-session import: option '--type': 'bar' is not one of trade, quote
= 2
$ qta-session import --type trade --columns ts_event=1,price=2 --output x
! qta-session import: FILE is missing (see 'qta-session import --help')
= 2
$ qta-session import --type trade --columns ts_event=1,price=2 --output x x.csv
! qta-session import: symbol: neither it nor a column is given
= 2
$ qta-session import --type trade --columns ts_event=1,prise=2 --symbol X --output x x.csv
! qta-session import: columns: a trade has no column 'prise' (have: ts_event, ts_recv, symbol, src_seq, price, size, id, exchange, conditions, tape, side)
= 2
$ qta-session import --type trade --columns ts_event=1,price=2 --symbol X --output x --delimiter '' x.csv
! qta-session import: option '--delimiter': '' is not one character, tab or space
= 2
$ qta-session import --type trade --columns ts_event=1,price=2 --symbol X --output x --time-unit ms --date 2013-02-29 x.csv
! qta-session import: date: '2013-02-29' is not a day like 2013-10-08
= 2
$ qta-session import --type trade --columns ts_event=1,price=2 --symbol X --output x --time-unit ms --date 2013-02-28 --tz Mars/Base x.csv
! qta-session import: time zone: 'Mars/Base' is not one like America/New_York or UTC
= 2
$ ls
