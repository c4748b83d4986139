# A small session, made by import.
$ cat > trades.csv <<END
> time,px,qty,id,ex,cond,side
> 2024-05-01T13:30:00.123456789Z,190.50,100,1,V,@ F,buy
> 2024-05-01T13:30:00.123456789Z,190.50,100,1,V,@ F,buy
> 2024-05-01T15:30:01+02:00,190.5,0.25,a-2,Q,,sell
> "2024-05-01T13:30:00.5Z",1.905e2,100,,,"a ""b"", c",
> END
$ qta-session import --type trade --columns ts_event=time,price=px,size=qty,id=id,exchange=ex,conditions=cond,side=side --symbol AAPL --provider lab --output sessions/a trades.csv
! qta-session import: rows imported into 'sessions/a': 4
! qta-session import: 1 of 4 rows go back in time: their ts_recv is raised, ts_event is kept
$ qta-session cat sessions/a
| {"seq":1,"type":"trade","provider":"lab","symbol":"AAPL","ts_recv":"2024-05-01T13:30:00.123456789Z","ts_event":"2024-05-01T13:30:00.123456789Z","price":190.50,"size":100,"id":1,"exchange":"V","conditions":["@ F"],"side":"buy"}
| {"seq":2,"type":"trade","provider":"lab","symbol":"AAPL","ts_recv":"2024-05-01T13:30:00.123456789Z","ts_event":"2024-05-01T13:30:00.123456789Z","price":190.50,"size":100,"id":1,"exchange":"V","conditions":["@ F"],"side":"buy"}
| {"seq":3,"type":"trade","provider":"lab","symbol":"AAPL","ts_recv":"2024-05-01T13:30:01.000000000Z","ts_event":"2024-05-01T13:30:01.000000000Z","price":190.5,"size":0.25,"id":"a-2","exchange":"Q","side":"sell"}
| {"seq":4,"type":"trade","provider":"lab","symbol":"AAPL","ts_recv":"2024-05-01T13:30:01.000000000Z","ts_event":"2024-05-01T13:30:00.500000000Z","price":190.5,"size":100,"conditions":["a \"b\", c"],"flags":["time_raised"]}
$ qta-session cat --time-format ns --format csv sessions/a
| seq,type,provider,symbol,ts_recv,ts_event,src_seq,conn,price,size,id,exchange,conditions,tape,side,bid_price,bid_size,bid_exchange,ask_price,ask_size,ask_exchange,open,high,low,close,volume,trades,vwap,interval,kind,count,action,snapshot,first,last,original_id,original_price,original_size,original_conditions,corrected_id,corrected_price,corrected_size,corrected_conditions,status_code,status_message,reason_code,reason_message,limit_up,limit_down,indicator,paired_size,state,cause,code,attempt,detail,scope,last_good,first_good,last_good_seq,first_good_seq,resolves,resolved_by,channel,first_seq,last_seq,subscriber,step_ns,offset_ns,estimated_offset_ns,max_error_ns,sync,note,flags
| 1,trade,lab,AAPL,1714570200123456789,1714570200123456789,,,190.50,100,1,V,@ F,,buy,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,
| 2,trade,lab,AAPL,1714570200123456789,1714570200123456789,,,190.50,100,1,V,@ F,,buy,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,
| 3,trade,lab,AAPL,1714570201000000000,1714570201000000000,,,190.5,0.25,a-2,Q,,,sell,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,id_is_text
| 4,trade,lab,AAPL,1714570201000000000,1714570200500000000,,,190.5,100,,,"a ""b"", c",,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,time_raised
$ qta-session cat --format text sessions/a
| 2024-05-01T13:30:00.123456789Z  trade  AAPL      190.50 x 100 V buy
| 2024-05-01T13:30:00.123456789Z  trade  AAPL      190.50 x 100 V buy
| 2024-05-01T13:30:01.000000000Z  trade  AAPL      190.5 x 0.25 Q sell
| 2024-05-01T13:30:01.000000000Z  trade  AAPL      190.5 x 100
$ qta-session verify sessions/a
| sessions/a: ok, records: 4, blocks: 1

# Conditions are split when a separator is named; delimiters may be others.
$ sed 's/"a ""b"", c"/a b/; s/,/;/g' trades.csv > semicolons.csv
$ qta-session import --quiet --type trade --columns ts_event=time,price=px,conditions=cond --conditions-separator space --delimiter ';' --symbol AAPL --output sessions/b semicolons.csv
$ qta-session cat sessions/b
| {"seq":1,"type":"trade","provider":"import","symbol":"AAPL","ts_recv":"2024-05-01T13:30:00.123456789Z","ts_event":"2024-05-01T13:30:00.123456789Z","price":190.50,"conditions":["@","F"]}
| {"seq":2,"type":"trade","provider":"import","symbol":"AAPL","ts_recv":"2024-05-01T13:30:00.123456789Z","ts_event":"2024-05-01T13:30:00.123456789Z","price":190.50,"conditions":["@","F"]}
| {"seq":3,"type":"trade","provider":"import","symbol":"AAPL","ts_recv":"2024-05-01T13:30:01.000000000Z","ts_event":"2024-05-01T13:30:01.000000000Z","price":190.5}
| {"seq":4,"type":"trade","provider":"import","symbol":"AAPL","ts_recv":"2024-05-01T13:30:01.000000000Z","ts_event":"2024-05-01T13:30:00.500000000Z","price":190.5,"conditions":["a","b"],"flags":["time_raised"]}
$ tr , '\t' < trades.csv | grep -v '"' | gzip | qta-session import --quiet --type trade --header --columns ts_event=1,price=2 --delimiter tab --symbol AAPL --output sessions/c -
$ qta-session cat --limit 1 sessions/c
| {"seq":1,"type":"trade","provider":"import","symbol":"AAPL","ts_recv":"2024-05-01T13:30:00.123456789Z","ts_event":"2024-05-01T13:30:00.123456789Z","price":190.50}

# Quotes with one side a row, offsets from midnight in a zone, scaled prices, two files in order.
$ printf '14400152,0,0,494100,300,Q,1\n14400547,491800,300,0,0,P,1\n' > q1.csv
$ printf '14400547,491800,300,494100,200,P,\r\n' | zstd -q > q2.csv.zst
$ qta-session import --type quote --columns ts_event=1,bid_price=2,bid_size=3,ask_price=4,ask_size=5,exchange=6,conditions=7 --scale bid_price=1e-4,ask_price=1e-4 --null 0 --time-unit ms --date 2013-10-07 --tz America/New_York --symbol AIG --output sessions/q q1.csv q2.csv.zst
! qta-session import: rows imported into 'sessions/q': 3
$ qta-session cat sessions/q
| {"seq":1,"type":"quote","provider":"import","symbol":"AIG","ts_recv":"2013-10-07T08:00:00.152000000Z","ts_event":"2013-10-07T08:00:00.152000000Z","ask_price":49.4100,"ask_size":300,"ask_exchange":"Q","conditions":["1"]}
| {"seq":2,"type":"quote","provider":"import","symbol":"AIG","ts_recv":"2013-10-07T08:00:00.547000000Z","ts_event":"2013-10-07T08:00:00.547000000Z","bid_price":49.1800,"bid_size":300,"bid_exchange":"P","conditions":["1"]}
| {"seq":3,"type":"quote","provider":"import","symbol":"AIG","ts_recv":"2013-10-07T08:00:00.547000000Z","ts_event":"2013-10-07T08:00:00.547000000Z","bid_price":49.1800,"bid_size":300,"bid_exchange":"P","ask_price":49.4100,"ask_size":200,"ask_exchange":"P"}
$ qta-session cat --from 04:00:00.3 --to 04:00:01 --limit 1 sessions/q
| {"seq":2,"type":"quote","provider":"import","symbol":"AIG","ts_recv":"2013-10-07T08:00:00.547000000Z","ts_event":"2013-10-07T08:00:00.547000000Z","bid_price":49.1800,"bid_size":300,"bid_exchange":"P","conditions":["1"]}
$ qta-session cat --from 2013-10-08 sessions/q
$ qta-session cat --to 2013-10-07T08:00:00.5Z sessions/q
| {"seq":1,"type":"quote","provider":"import","symbol":"AIG","ts_recv":"2013-10-07T08:00:00.152000000Z","ts_event":"2013-10-07T08:00:00.152000000Z","ask_price":49.4100,"ask_size":300,"ask_exchange":"Q","conditions":["1"]}
$ qta-session cat --types trade sessions/q
$ qta-session cat --symbols AIG,SPY --providers import --types quote --limit 1 sessions/q
| {"seq":1,"type":"quote","provider":"import","symbol":"AIG","ts_recv":"2013-10-07T08:00:00.152000000Z","ts_event":"2013-10-07T08:00:00.152000000Z","ask_price":49.4100,"ask_size":300,"ask_exchange":"Q","conditions":["1"]}
$ qta-session cat --symbols SPY sessions/q
$ qta-session cat --format text --limit 5 sessions/a sessions/q
| 2024-05-01T13:30:00.123456789Z  trade  AAPL      190.50 x 100 V buy
| 2024-05-01T13:30:00.123456789Z  trade  AAPL      190.50 x 100 V buy
| 2024-05-01T13:30:01.000000000Z  trade  AAPL      190.5 x 0.25 Q sell
| 2024-05-01T13:30:01.000000000Z  trade  AAPL      190.5 x 100
| 2013-10-07T08:00:00.152000000Z  quote  AIG       - | 49.4100 x 300 Q
$ qta-session info sessions/q
| sessions/q
|   ticks      3
|     quote         3
|   symbols    1
|   providers  1
|   runs       1
|   first      2013-10-07T08:00:00.152000000Z
|   last       2013-10-07T08:00:00.547000000Z (395 ms)
|   time zone  America/New_York
|   gaps       0
|   dropped    0
|   segments   1
|   size       {*} KiB, {*} bytes a record
|   state      closed and sealed
$ qta-session info --json sessions/a sessions/q
| {"session":"sessions/a","ticks":4,"records":4,"by_type":{"trade":4},"symbols":1,"providers":1,"runs":1,"segments":1,"bytes":{*},"first_ts_recv":"2024-05-01T13:30:00.123456789Z","last_ts_recv":"2024-05-01T13:30:01.000000000Z","gaps":0,"dropped":0,"raw_frames":0,"raw_bytes":0,"lost":0,"sealed":true,"live":false,"timezone":"UTC"}
| {"session":"sessions/q","ticks":3,"records":3,"by_type":{"quote":3},"symbols":1,"providers":1,"runs":1,"segments":1,"bytes":{*},"first_ts_recv":"2013-10-07T08:00:00.152000000Z","last_ts_recv":"2013-10-07T08:00:00.547000000Z","gaps":0,"dropped":0,"raw_frames":0,"raw_bytes":0,"lost":0,"sealed":true,"live":false,"timezone":"America/New_York"}

# Nothing is lost silently: exit 3.
$ printf '1,12345678901234567890123,a b c d e\n2,1,a\n' > long.csv
$ qta-session import --quiet --type trade --columns ts_event=1,price=2,conditions=3 --conditions-separator ' ' --time-unit ns --symbol X --output sessions/d long.csv
! qta-session import: 1 of 2 rows have a number with more digits than fit: it is rounded
! qta-session import: 1 of 2 rows have more than four conditions: the first four are kept
= 3
$ qta-session cat --time-format ns sessions/d
| {"seq":1,"type":"trade","provider":"import","symbol":"X","ts_recv":1,"ts_event":1,"price":12345678901234567890000,"conditions":["a","b","c","d"],"flags":["rounded","conditions_cut"]}
| {"seq":2,"type":"trade","provider":"import","symbol":"X","ts_recv":2,"ts_event":2,"price":1,"conditions":["a"]}
$ printf '2,1\n1,1\n' | qta-session import --type trade --columns ts_event=1,price=2 --time-unit ns --symbol X --output sessions/e -
! qta-session import: rows imported into 'sessions/e': 2
! qta-session import: 1 of 2 rows go back in time: their ts_recv is raised, ts_event is kept

# A wrong row leaves nothing; an existing session is not touched.
$ ls -A sessions
| a
| b
| c
| d
| e
| q
$ printf '1,1\n2,x\n' | qta-session import --type trade --columns ts_event=1,price=2 --time-unit ns --symbol X --output sessions/f -
! qta-session import: standard input:2: column 2 (price): 'x' is not a number, nor the text that means absent
= 1
$ qta-session import --type trade --columns ts_event=1,price=2 --time-unit ns --symbol X --output sessions/f missing.csv
! qta-session import: cannot open 'missing.csv': No such file or directory
= 1
$ qta-session import --type trade --columns ts_event=1,price=2 --time-unit ns --symbol X --output sessions/a long.csv
! qta-session import: 'sessions/a' exists already: remove it or choose another name
= 1
$ qta-session import --type trade --columns ts_event=1,price=2 --time-unit ns --symbol X --output sessions/f .
! qta-session import: cannot read '.': Is a directory
= 1
$ printf '1,1\n' | qta-session import --type trade --columns ts_event=1,price=2 --time-unit ns --symbol X --output trades.csv/f -
! qta-session import: cannot make folder 'trades.csv': a file is there
= 1
$ ls -A sessions
| a
| b
| c
| d
| e
| q

# A signal stops it cleanly.
$ mkfifo pipe; qta-session import --type trade --columns ts_event=1,price=2 --time-unit ns --symbol X --output sessions/g pipe & exec 3> pipe
> printf '1,1\n2,2\n' >&3; kill -TERM $!; wait $!
! qta-session import: stopped; nothing is left of 'sessions/g'
= 1
$ ls -A sessions | tr '\n' ' '
| a b c d e q \ no newline

# A reader that has had enough is no error; a disk that is full is one.
$ set -o pipefail; qta-session cat $(yes sessions/a | head -30000) | head -1
| {"seq":1,"type":"trade","provider":"lab","symbol":"AAPL","ts_recv":"2024-05-01T13:30:00.123456789Z","ts_event":"2024-05-01T13:30:00.123456789Z","price":190.50,"size":100,"id":1,"exchange":"V","conditions":["@ F"],"side":"buy"}
$ qta-session cat sessions/a > /dev/full
! qta-session cat: cannot write to standard output: No space left on device
= 1
$ qta-session info sessions/a > /dev/full
! qta-session info: cannot write to standard output: No space left on device
= 1
$ qta-session --help > /dev/full
! qta-session: cannot write to standard output: No space left on device
= 1
