# What is no session is one clear error and exit 1.
$ qta-session info nothing
! qta-session info: no session at 'nothing'
= 1
$ qta-session verify nothing
! qta-session verify: no session at 'nothing'
= 1
$ qta-session cat nothing
! qta-session cat: no session at 'nothing'
= 1
$ mkdir empty foreign; echo hello > foreign/readme; echo hello > file
$ qta-session info empty
! qta-session info: 'empty' is not a session: it has neither segments nor a journal
= 1
$ qta-session info foreign
! qta-session info: 'foreign' is not a session: it has neither segments nor a journal
= 1
$ qta-session info file
! qta-session info: 'file' is not a session: not a directory
= 1
$ qta-session cat foreign
! qta-session cat: 'foreign' is not a session: it has neither segments nor a journal
= 1
$ qta-session verify foreign
! qta-session verify: 'foreign' is not a session: it has neither segments nor a journal
= 1
$ qta-session info nothing foreign
! qta-session info: no session at 'nothing'
! qta-session info: 'foreign' is not a session: it has neither segments nor a journal
= 1

# One that is missing does not keep the others from being shown.
$ printf '2024-05-01T13:30:00Z,1.5,3\n' > a.csv
$ qta-session import --quiet --type trade --columns ts_event=1,price=2,size=3 --symbol A --output a a.csv
$ qta-session verify nothing a
| a: ok, records: 1, blocks: 1
! qta-session verify: no session at 'nothing'
= 1
$ qta-session cat nothing a
| {"seq":1,"type":"trade","provider":"import","symbol":"A","ts_recv":"2024-05-01T13:30:00.000000000Z","ts_event":"2024-05-01T13:30:00.000000000Z","price":1.5,"size":3}
! qta-session cat: no session at 'nothing'
= 1

# Nor does it touch what it was shown.
$ ls -A empty foreign file
| file
|
| empty:
|
| foreign:
| readme
