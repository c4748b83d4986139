# Two small sessions: trades of two symbols, and quotes that begin a second later.
$ cat > trades.csv <<END
> time,symbol,price,size,exchange
> 34200,AAPL,190.50,100,V
> 34200,AAPL,190.50,100,V
> 34201.5,MSFT,402.1,7,Q
> 34202,AAPL,190.49,0.25,XNAS
> 57600,MSFT,401,1,
> END
$ cat > quotes.csv <<END
> time,symbol,bid,ask
> 2024-05-01T13:30:01Z,AAPL,190.4,190.6
> 2024-05-01T13:30:02Z,AAPL,190.5,190.6
> 2024-05-01T13:30:02Z,MSFT,401,403
> END
$ qta-session import --quiet --type trade --columns ts_event=time,symbol=symbol,price=price,size=size,exchange=exchange --time-unit s --date 2024-05-01 --tz America/New_York --provider lab --output sessions/t trades.csv
$ qta-session import --quiet --type quote --columns ts_event=time,symbol=symbol,bid_price=bid,ask_price=ask --provider lab2 --output sessions/q quotes.csv

# Ticks go to stdout, as JSON unless told otherwise; the summary goes to stderr.
$ qta-replay --speed max sessions/t
| {"seq":1,"type":"trade","provider":"lab","symbol":"AAPL","ts_recv":"2024-05-01T13:30:00.000000000Z","ts_event":"2024-05-01T13:30:00.000000000Z","price":190.50,"size":100,"exchange":"V"}
| {"seq":2,"type":"trade","provider":"lab","symbol":"AAPL","ts_recv":"2024-05-01T13:30:00.000000000Z","ts_event":"2024-05-01T13:30:00.000000000Z","price":190.50,"size":100,"exchange":"V"}
| {"seq":3,"type":"trade","provider":"lab","symbol":"MSFT","ts_recv":"2024-05-01T13:30:01.500000000Z","ts_event":"2024-05-01T13:30:01.500000000Z","price":402.1,"size":7,"exchange":"Q"}
| {"seq":4,"type":"trade","provider":"lab","symbol":"AAPL","ts_recv":"2024-05-01T13:30:02.000000000Z","ts_event":"2024-05-01T13:30:02.000000000Z","price":190.49,"size":0.25,"exchange":"XNAS"}
| {"seq":5,"type":"trade","provider":"lab","symbol":"MSFT","ts_recv":"2024-05-01T20:00:00.000000000Z","ts_event":"2024-05-01T20:00:00.000000000Z","price":401,"size":1}
! qta-replay: 5 ticks (5 of the market) in {*}
$ qta-replay --speed max --quiet --format csv --time-format ns sessions/t
| seq,type,provider,symbol,ts_recv,ts_event,src_seq,conn,price,size,id,exchange,conditions,tape,side,bid_price,bid_size,bid_exchange,ask_price,ask_size,ask_exchange,open,high,low,close,volume,trades,vwap,interval,kind,count,action,snapshot,first,last,original_id,original_price,original_size,original_conditions,corrected_id,corrected_price,corrected_size,corrected_conditions,status_code,status_message,reason_code,reason_message,limit_up,limit_down,indicator,paired_size,state,cause,code,attempt,detail,scope,last_good,first_good,last_good_seq,first_good_seq,resolves,resolved_by,channel,first_seq,last_seq,subscriber,step_ns,offset_ns,estimated_offset_ns,max_error_ns,sync,note,flags
| 1,trade,lab,AAPL,1714570200000000000,1714570200000000000,,,190.50,100,,V,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,
| 2,trade,lab,AAPL,1714570200000000000,1714570200000000000,,,190.50,100,,V,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,
| 3,trade,lab,MSFT,1714570201500000000,1714570201500000000,,,402.1,7,,Q,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,
| 4,trade,lab,AAPL,1714570202000000000,1714570202000000000,,,190.49,0.25,,XNAS,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,
| 5,trade,lab,MSFT,1714593600000000000,1714593600000000000,,,401,1,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,
$ qta-replay --speed max --quiet --format text sessions/t
| 2024-05-01T13:30:00.000000000Z  trade  AAPL      190.50 x 100 V
| 2024-05-01T13:30:00.000000000Z  trade  AAPL      190.50 x 100 V
| 2024-05-01T13:30:01.500000000Z  trade  MSFT      402.1 x 7 Q
| 2024-05-01T13:30:02.000000000Z  trade  AAPL      190.49 x 0.25 XNAS
| 2024-05-01T20:00:00.000000000Z  trade  MSFT      401 x 1
$ qta-replay --speed max --quiet --format none sessions/t

# Several sessions are merged by receive time; of equal times the session given first comes first.
$ qta-replay --speed max --quiet --format text sessions/t sessions/q
| 2024-05-01T13:30:00.000000000Z  trade  AAPL      190.50 x 100 V
| 2024-05-01T13:30:00.000000000Z  trade  AAPL      190.50 x 100 V
| 2024-05-01T13:30:01.000000000Z  quote  AAPL      190.4 | 190.6
| 2024-05-01T13:30:01.500000000Z  trade  MSFT      402.1 x 7 Q
| 2024-05-01T13:30:02.000000000Z  trade  AAPL      190.49 x 0.25 XNAS
| 2024-05-01T13:30:02.000000000Z  quote  AAPL      190.5 | 190.6
| 2024-05-01T13:30:02.000000000Z  quote  MSFT      401 | 403
| 2024-05-01T20:00:00.000000000Z  trade  MSFT      401 x 1
$ qta-replay --speed max --quiet --format text --to 13:30:02.1 sessions/q sessions/t
| 2024-05-01T13:30:00.000000000Z  trade  AAPL      190.50 x 100 V
| 2024-05-01T13:30:00.000000000Z  trade  AAPL      190.50 x 100 V
| 2024-05-01T13:30:01.000000000Z  quote  AAPL      190.4 | 190.6
| 2024-05-01T13:30:01.500000000Z  trade  MSFT      402.1 x 7 Q
| 2024-05-01T13:30:02.000000000Z  quote  AAPL      190.5 | 190.6
| 2024-05-01T13:30:02.000000000Z  quote  MSFT      401 | 403
| 2024-05-01T13:30:02.000000000Z  trade  AAPL      190.49 x 0.25 XNAS

# Filters.
$ qta-replay --speed max --quiet --format text --symbols MSFT sessions/t sessions/q
| 2024-05-01T13:30:01.500000000Z  trade  MSFT      402.1 x 7 Q
| 2024-05-01T13:30:02.000000000Z  quote  MSFT      401 | 403
| 2024-05-01T20:00:00.000000000Z  trade  MSFT      401 x 1
$ qta-replay --speed max --quiet --format text --types quotes sessions/t sessions/q
| 2024-05-01T13:30:01.000000000Z  quote  AAPL      190.4 | 190.6
| 2024-05-01T13:30:02.000000000Z  quote  AAPL      190.5 | 190.6
| 2024-05-01T13:30:02.000000000Z  quote  MSFT      401 | 403
$ qta-replay --speed max --quiet --format text --providers lab2 sessions/t sessions/q
| 2024-05-01T13:30:01.000000000Z  quote  AAPL      190.4 | 190.6
| 2024-05-01T13:30:02.000000000Z  quote  AAPL      190.5 | 190.6
| 2024-05-01T13:30:02.000000000Z  quote  MSFT      401 | 403
$ qta-replay --speed max --quiet --format text --from 2024-05-01T13:30:01Z --to 2024-05-01T13:30:02Z sessions/t sessions/q
| 2024-05-01T13:30:01.000000000Z  quote  AAPL      190.4 | 190.6
| 2024-05-01T13:30:01.500000000Z  trade  MSFT      402.1 x 7 Q
$ qta-replay --speed max --quiet --format text --from 1714570202000000000 sessions/t
| 2024-05-01T13:30:02.000000000Z  trade  AAPL      190.49 x 0.25 XNAS
| 2024-05-01T20:00:00.000000000Z  trade  MSFT      401 x 1
$ qta-replay --speed max --quiet --format text --start-offset 1s --duration 1s sessions/t
| 2024-05-01T13:30:01.500000000Z  trade  MSFT      402.1 x 7 Q
$ qta-replay --speed max --quiet --format text --from 2024-05-02 sessions/t

# A time of day is one of the session's first day in its time zone: New York.
$ qta-replay --speed max --quiet --format text --from 09:30:01.5 --to 16:00 sessions/t
| 2024-05-01T13:30:01.500000000Z  trade  MSFT      402.1 x 7 Q
| 2024-05-01T13:30:02.000000000Z  trade  AAPL      190.49 x 0.25 XNAS
$ qta-replay --speed max --quiet --format text --from 16:00 sessions/t
| 2024-05-01T20:00:00.000000000Z  trade  MSFT      401 x 1

# Paced: the long pause of the afternoon is cut.
$ qta-replay --speed 100x --max-gap 100ms --quiet --format text sessions/t
| 2024-05-01T13:30:00.000000000Z  trade  AAPL      190.50 x 100 V
| 2024-05-01T13:30:00.000000000Z  trade  AAPL      190.50 x 100 V
| 2024-05-01T13:30:01.500000000Z  trade  MSFT      402.1 x 7 Q
| 2024-05-01T13:30:02.000000000Z  trade  AAPL      190.49 x 0.25 XNAS
| 2024-05-01T20:00:00.000000000Z  trade  MSFT      401 x 1

# In a loop.
$ qta-replay --speed max --loop 2 --quiet --format text --symbols MSFT sessions/t
| 2024-05-01T13:30:01.500000000Z  trade  MSFT      402.1 x 7 Q
| 2024-05-01T20:00:00.000000000Z  trade  MSFT      401 x 1
| 2024-05-01T13:30:01.500000000Z  trade  MSFT      402.1 x 7 Q
| 2024-05-01T20:00:00.000000000Z  trade  MSFT      401 x 1
$ qta-replay --speed 1000x --loop --quiet --duration 1s sessions/t | head -5 | wc -l
| 5

# Digests are the same at any speed.
$ qta-replay --speed max --digest --quiet sessions/t
| full 241e92bfa0f7f883
| market 3a3e5f14f6b9a03b
$ qta-replay --speed 1000x --max-gap 1s --digest --quiet sessions/t
| full 241e92bfa0f7f883
| market 3a3e5f14f6b9a03b
$ qta-replay --speed max --digest --quiet sessions/t sessions/q
| full 365d26930ab43dfd
| market 3dc07b6af08c3980
$ qta-replay --speed max --digest --quiet --format text --symbols NOSUCH sessions/t
| full 0000000000000000
| market 0000000000000000

# An expected digest may be the full or the market one.
$ qta-replay --speed max --quiet --expect-digest $(qta-replay --speed max --quiet --digest sessions/t | sed -n 's/full //p') sessions/t
$ qta-replay --speed max --quiet --expect-digest $(qta-replay --speed max --quiet --digest sessions/t | sed -n 's/market //p') sessions/t
$ qta-replay --speed max --quiet --expect-digest 0123456789abcdef sessions/t
! qta-replay: the digest is not 0123456789abcdef: full 241e92bfa0f7f883, market 3a3e5f14f6b9a03b
= 1

# What nobody records can be followed to its end.
$ qta-replay --follow --quiet --digest sessions/t
| full 241e92bfa0f7f883
| market 3a3e5f14f6b9a03b
$ qta-session cat --follow --limit 2 --format text sessions/t | wc -l
| 2

# A reader that closes its pipe ends it, and is no failure.
$ qta-replay --speed max --quiet --loop sessions/t | head -1
| {"seq":1,"type":"trade","provider":"lab","symbol":"AAPL","ts_recv":"2024-05-01T13:30:00.000000000Z","ts_event":"2024-05-01T13:30:00.000000000Z","price":190.50,"size":100,"exchange":"V"}
$ set -o pipefail; qta-replay --speed 1000x --quiet --loop --duration 1s sessions/t | head -1
| {"seq":1,"type":"trade","provider":"lab","symbol":"AAPL","ts_recv":"2024-05-01T13:30:00.000000000Z","ts_event":"2024-05-01T13:30:00.000000000Z","price":190.50,"size":100,"exchange":"V"}
$ qta-replay --speed max --quiet --format ndjson sessions/t > /dev/full
! qta-replay: cannot write to standard output: No space left on device
= 1

# A block that is damaged is named and skipped; the rest is played, and the exit status says so.
$ cp -r sessions/t sessions/damaged; SEGMENT=sessions/damaged/segments/000001.qseg
> printf X | dd of=$SEGMENT bs=1 seek=$(($(stat -c %s $SEGMENT) / 2)) conv=notrunc status=none
$ qta-replay --speed max --format text sessions/damaged sessions/q
| 2024-05-01T13:30:01.000000000Z  quote  AAPL      190.4 | 190.6
| 2024-05-01T13:30:02.000000000Z  quote  AAPL      190.5 | 190.6
| 2024-05-01T13:30:02.000000000Z  quote  MSFT      401 | 403
! qta-replay: 'sessions/damaged': 'segments/000001.qseg': the block at byte {*} is damaged (it fails its checksum): records 1 to 5, received 2024-05-01T13:30:00.000000000Z to 2024-05-01T20:00:00.000000000Z, are lost
! qta-replay: 3 ticks (3 of the market) in {*}
! qta-replay: damaged blocks that had to be skipped: 1
= 3
$ qta-replay --speed max --quiet --expect-digest 0123456789abcdef sessions/damaged
! qta-replay: 'sessions/damaged': 'segments/000001.qseg': the block at byte {*} is damaged (it fails its checksum): records 1 to 5, received 2024-05-01T13:30:00.000000000Z to 2024-05-01T20:00:00.000000000Z, are lost
! qta-replay: the digest is not 0123456789abcdef: full 0000000000000000, market 0000000000000000
= 1
