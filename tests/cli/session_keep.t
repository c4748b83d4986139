# Three days; received in 2013, imported now.
$ mkdir sessions
> for day in 1 2 3; do
>     seq 1 50 | awk -v day=$day '{print 1380000000 + day * 86400 + $1 ",100." $1 ",1"}' > ticks.csv
>     qta-session import --quiet --type trade --columns ts_event=1,price=2,size=3 --time-unit s --symbol SPY --output sessions/day-$day ticks.csv
> done
$ qta-session ls sessions
| FIRST                LAST                          TICKS  SYMBOLS    GAPS        SIZE  STATE          NAME
| 2013-09-25 05:20:01  2013-09-25 05:20:50              50        1       0{*} KiB  sealed         day-1
| 2013-09-26 05:20:01  2013-09-26 05:20:50              50        1       0{*} KiB  sealed         day-2
| 2013-09-27 05:20:01  2013-09-27 05:20:50              50        1       0{*} KiB  sealed         day-3
! 3 sessions, 150 ticks, 0 gaps, {*} KiB
$ cd sessions && qta-session ls --json
| {"name":"day-1","state":"sealed","pinned":false,"index":null,"first_ts_recv":"2013-09-25T05:20:01.000000000Z","last_ts_recv":"2013-09-25T05:20:50.000000000Z","ticks":50,"records":50,"symbols":1,"gaps":0,"lost":0,"bytes":{*},"timezone":"UTC","fault":null}
| {"name":"day-2","state":"sealed","pinned":false,"index":null,"first_ts_recv":"2013-09-26T05:20:01.000000000Z","last_ts_recv":"2013-09-26T05:20:50.000000000Z","ticks":50,"records":50,"symbols":1,"gaps":0,"lost":0,"bytes":{*},"timezone":"UTC","fault":null}
| {"name":"day-3","state":"sealed","pinned":false,"index":null,"first_ts_recv":"2013-09-27T05:20:01.000000000Z","last_ts_recv":"2013-09-27T05:20:50.000000000Z","ticks":50,"records":50,"symbols":1,"gaps":0,"lost":0,"bytes":{*},"timezone":"UTC","fault":null}
! 3 sessions, 150 ticks, 0 gaps, {*} KiB
$ qta-session ls nowhere
! qta-session ls: cannot open directory 'nowhere': No such file or directory
= 1

# Pins, and what is not a session, stay.
$ qta-session pin sessions/day-1 && mkdir sessions/notes && touch sessions/notes/mine.txt
$ qta-session prune --max-size 1 --dry-run sessions
| day-2  {*} KiB  last written {*}  too much in all
| day-3  {*} KiB  last written {*}  too much in all
! would remove 2 of 3 sessions, {*} KiB; {*} KiB stay
$ qta-session prune --max-size 1 sessions
| day-2  {*} KiB  last written {*}  too much in all
| day-3  {*} KiB  last written {*}  too much in all
! removed 2 of 3 sessions, {*} KiB; {*} KiB stay
$ ls sessions
| day-1
| notes
$ qta-session unpin sessions/day-1; qta-session prune --keep-days 1 sessions; ls sessions
| day-1
| notes
! removed 0 of 1 sessions, 0 bytes; {*} KiB stay
$ qta-session prune sessions
! qta-session prune: no limit is given: use --keep-days, --max-size or --min-free
= 2
$ qta-session prune --max-size 12x sessions
! qta-session prune: option '--max-size': '12x' is not a size like 500MB or 20GiB
= 2

# What is missing.
$ qta-session gaps sessions/day-1
! gaps: 0 (0 resolved), drops: 0, lost connections: 0, known holes: 0 (0 records), damaged places: 0
