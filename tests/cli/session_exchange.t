# Two sessions by import of our own ndjson, records of ours included.
$ cat > a.ndjson <<END
> {"seq":1,"type":"conn","provider":"lab","ts_recv":"2024-05-01T13:30:00.000000001Z","conn":1,"state":"disconnected","cause":"peer_closed","code":1006,"attempt":2,"detail":"the \"peer\" left"}
> {"seq":2,"type":"trade","provider":"lab","symbol":"AAPL","ts_recv":"2024-05-01T13:30:00.123456789Z","ts_event":"2024-05-01T13:30:00.120000000Z","src_seq":7,"conn":1,"price":190.50,"size":100,"id":1,"exchange":"V","conditions":["@","F"],"tape":"C","side":"buy"}
> {"seq":3,"type":"quote","provider":"lab","symbol":"AAPL","ts_recv":"2024-05-01T13:30:01.000000000Z","ts_event":"2024-05-01T13:30:00.990000000Z","conn":1,"bid_price":190.49,"bid_size":2,"bid_exchange":"V","ask_price":190.5,"ask_size":1}
> {"seq":4,"type":"trade","provider":"lab","symbol":"BTC/USD","ts_recv":"2024-05-01T13:30:02.000000000Z","price":64000.123456789,"size":0.00000001,"id":"a-2","flags":["rounded"]}
> END
$ sed 's/lab/other/; s/:0\([0-2]\)\./:0\1.5/; s/AAPL/MSFT/' a.ndjson | gzip > b.ndjson.gz
$ qta-session import --format ndjson --tz America/New_York --output a a.ndjson
! qta-session import: records imported into 'a': 4
$ qta-session import --format ndjson --quiet --output b - < b.ndjson.gz
$ qta-session cat a | cmp - a.ndjson
$ qta-session cat --format csv a > a.csv; qta-session info --json a
| {"session":"a","ticks":3,"records":4,"by_type":{"trade":2,"quote":1,"conn":1},{*}"timezone":"America/New_York"{*}}

# Export and import, packed and plain, to files and to pipes.
$ qta-session export --output a2.ndjson.zst a
! qta-session export: records exported to 'a2.ndjson.zst': 4 ({*} bytes)
$ zstd -dcq a2.ndjson.zst | cmp - a.ndjson; ls
| a
| a.csv
| a.ndjson
| a2.ndjson.zst
| b
| b.ndjson.gz
$ qta-session export --format csv a | cmp - a.csv
! qta-session export: records exported: 4
$ qta-session export --quiet --format csv a | qta-session import --output c -
! qta-session import: records imported into 'c': 4
$ qta-session diff --full a c
| equal, records: 4
$ for s in a c; do qta-replay --quiet --speed max --format none --digest $s; done | sort | uniq -c | awk '{print $1}'
| 2
| 2
$ qta-session export --types trade --symbols AAPL --from 09:30 --to 2024-05-01T13:30:01Z --event-from 13:00 a
! qta-session export: records exported: 0
$ qta-session export --types trade --symbols AAPL --event-from 09:30 --event-to 09:30:01 --time-format ns a
| {"seq":2,"type":"trade","provider":"lab","symbol":"AAPL","ts_recv":1714570200123456789,"ts_event":1714570200120000000,"src_seq":7,"conn":1,"price":190.50,"size":100,"id":1,"exchange":"V","conditions":["@","F"],"tape":"C","side":"buy"}
! qta-session export: records exported: 1
$ qta-session export --quiet --types trade a b | qta-session import --format ndjson --output d -
! qta-session import: records imported into 'd': 4
! qta-session import: 3 have another number now than in the file
! qta-session import: 1 go back in time: their ts_recv is raised
$ qta-session cat --limit 1 --types trade --symbols MSFT d
| {"seq":3,"type":"trade","provider":"other","symbol":"MSFT","ts_recv":"2024-05-01T13:30:02.000000000Z","ts_event":"2024-05-01T13:30:00.120000000Z","src_seq":7,"conn":1,"price":190.50,"size":100,"id":1,"exchange":"V","conditions":["@","F"],"tape":"C","side":"buy","flags":["time_raised"]}

# Wrong lines are left out, each with one line: exit 3.
$ (head -2 a.ndjson; echo '{"type":"trade","price":"x"}'; echo nonsense; tail -1 a.ndjson) > bad.ndjson
$ qta-session import --format ndjson --output e bad.ndjson
! qta-session import: bad.ndjson:3: price 'x' is not a number of at most 19 digits
! qta-session import: bad.ndjson:4: byte 1: not an object
! qta-session import: lines left out: 2
! qta-session import: records imported into 'e': 3
! qta-session import: 1 have another number now than in the file
= 3
$ qta-session import --output e a.csv
! qta-session import: 'e' exists already: remove it or choose another name
= 1
$ echo 'time,price' > foreign.csv; qta-session import --output f foreign.csv
! qta-session import: foreign.csv:1: not a header of ours, and no columns are named: column 'time' is no field of a tick
= 1
$ qta-session import --format ndjson --symbol X --output f a.ndjson
! qta-session import: option '--symbol' is for other people's CSV, with --columns
= 2
$ qta-session import --type trade --output f a.csv
! qta-session import: columns: they are missing, e.g. ts_event=1,price=2,size=3
= 2
$ head -c 100 a2.ndjson.zst > cut.zst; qta-session import --format ndjson --output f cut.zst
! qta-session import: 'cut.zst' is cut off: its packed data has no end
= 1

# Output that cannot be written leaves nothing.
$ qta-session export --output missing/a.ndjson a
! qta-session export: cannot create 'missing/a.ndjson.tmp': No such file or directory
= 1
$ mkdir folder; qta-session export --output folder a
! qta-session export: cannot rename 'folder.tmp' to 'folder': Is a directory
= 1
$ qta-session export a > /dev/full
! qta-session export: cannot write to standard output: No space left on device
= 1
$ qta-session export --output x.ndjson a missing
! qta-session export: {*}'missing'{*}
= 1
$ ls
| a
| a.csv
| a.ndjson
| a2.ndjson.zst
| b
| b.ndjson.gz
| bad.ndjson
| c
| cut.zst
| d
| e
| folder
| foreign.csv

# Parquet: a file of one type, or a folder of them.
$ qta-session export --format parquet --types trade --output trades.parquet a b
! qta-session export: records exported to 'trades.parquet': 4 ({*} KiB)
$ head -c 4 trades.parquet; tail -c 4 trades.parquet; echo
| PAR1PAR1
$ qta-session export --format parquet --types trade a b 2> /dev/null | cmp - trades.parquet
$ qta-session export --quiet --format parquet --output day a; ls day
| conn.parquet
| quote.parquet
| trade.parquet
$ qta-session export --format parquet --output day/trade.parquet a
! qta-session export: cannot make folder 'day/trade.parquet': a file is there
= 1
$ qta-session export --format parquet a | wc -c
! qta-session export: one Parquet file holds records of one type: choose one
| 0
$ echo '{"type":"trade","ts_recv":1,"price":1e90}' | qta-session import --quiet --format ndjson --output wide -
$ qta-session export --format parquet --output wide.parquet wide; ls wide.parquet
! qta-session export: no DECIMAL of 38 digits holds all values of 'price': export fewer symbols, or ask for doubles
! ls: cannot access 'wide.parquet': No such file or directory
= 2
$ qta-session export --quiet --doubles --format parquet --output wide.parquet wide; ls wide.parquet
| trade.parquet

# Differences.
$ sed 's/190.50/190.5/; s/"id":1,/"id":2,/; s/"rounded"/"from_float"/' a.ndjson | qta-session import --quiet --format ndjson --output g -
$ qta-session diff a g
| first difference: record 1, id
| - {"seq":2,"type":"trade",{*}"price":190.50,"size":100,"id":1,{*}}
| + {"seq":2,"type":"trade",{*}"price":190.5,"size":100,"id":2,{*}}
| different: 1 of 3
|   trade          id                              1
= 3
$ qta-session diff --full a g
| first difference: record 2, price
| - {*}
| + {*}
| different: 2 of 4
|   trade          flags                           1
|   trade          price                           1
|   trade          id                              1
= 3
$ qta-session diff --quiet a g
= 3
$ qta-session diff --types quote a g
| equal, records: 1
$ head -3 a.ndjson | qta-session import --quiet --format ndjson --output h -; qta-session diff h a
| first difference: record 3 is in one of them only
| - (nothing)
| + {"seq":4,"type":"trade","provider":"lab","symbol":"BTC/USD",{*}}
| different: 0 of 2
| only in 'a': 1
= 3
$ qta-session diff a
! qta-session diff: SESSION is missing (see 'qta-session diff --help')
= 2
$ qta-session diff a missing
! qta-session diff: {*}'missing'{*}
= 1

# One session of two, in the order of their times.
$ qta-session merge --output m a b
! qta-session merge: records merged into 'm': 8
$ qta-session cat --format text m
| 2024-05-01T13:30:00.000000001Z  marker           note merged from 'a'
| 2024-05-01T13:30:00.000000001Z  marker           note merged from 'b'
| 2024-05-01T13:30:00.000000001Z  conn   lab       state disconnected  cause peer_closed  code 1006  attempt 2  detail the "peer" left
| 2024-05-01T13:30:00.123456789Z  trade  AAPL      190.50 x 100 V buy
| 2024-05-01T13:30:00.500000000Z  conn   other     state disconnected  cause peer_closed  code 1006  attempt 2  detail the "peer" left
| 2024-05-01T13:30:00.512345678Z  trade  MSFT      190.50 x 100 V buy
| 2024-05-01T13:30:01.000000000Z  quote  AAPL      190.49 x 2 V | 190.5 x 1
| 2024-05-01T13:30:01.500000000Z  quote  MSFT      190.49 x 2 V | 190.5 x 1
| 2024-05-01T13:30:02.000000000Z  trade  BTC/USD   64000.123456789 x 0.00000001
| 2024-05-01T13:30:02.500000000Z  trade  BTC/USD   64000.123456789 x 0.00000001
$ qta-session verify --quiet m; qta-session info --json m
| {"session":"m","ticks":6,"records":10,{*}"symbols":3,"providers":2,{*}"timezone":"America/New_York"{*}}
$ qta-replay --quiet --speed max --format none --digest m | tail -1 > one; qta-replay --quiet --speed max --format none --digest a b | tail -1 | cmp - one
$ qta-session merge --quiet --types quote --output m2 b a; qta-session cat --format text --types quote m2
| 2024-05-01T13:30:01.000000000Z  quote  AAPL      190.49 x 2 V | 190.5 x 1
| 2024-05-01T13:30:01.500000000Z  quote  MSFT      190.49 x 2 V | 190.5 x 1
$ qta-session merge --output m a b
! qta-session merge: 'm' exists already: remove it or choose another name
= 1
$ qta-session merge --output n a missing; ls -d n .n*
! qta-session merge: no session at 'missing'
! ls: cannot access 'n': No such file or directory
! ls: cannot access '.n*': No such file or directory
= 2
