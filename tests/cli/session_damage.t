# A session of several blocks.
$ seq 1 100000 | awk '{x = (x * 16807 + 7) % 2147483647; print $1 * 1000 "," 100 + x % 1999 ".5," x % 7919}' > ticks.csv
$ qta-session import --quiet --type trade --columns ts_event=1,price=2,size=3 --time-unit us --symbol X --output whole ticks.csv
$ qta-session verify whole
| whole: ok, records: 100000, blocks: 4

# The index can be missing or garbage: the segments have everything.
$ cp -r whole unindexed; rm unindexed/session.db; qta-session verify unindexed
| unindexed: 'session.db' is missing
| unindexed: damaged, problems: 1, records lost: 0, readable: 100000
= 3
$ qta-session cat unindexed | cmp - <(qta-session cat whole)
$ qta-session info unindexed | grep ticks
|   ticks      100,000
$ cp -r whole garbage; echo garbage > garbage/session.db; qta-session verify garbage
| garbage: 'session.db' is not an index of this program
| garbage: damaged, problems: 1, records lost: 0, readable: 100000
= 3
$ qta-session cat garbage | cmp - <(qta-session cat whole)

# One damaged byte costs its block and no more, and is said.
$ cp -r whole hurt; size=$(stat -c %s hurt/segments/000001.qseg)
> printf '\377\000\377' | dd of=hurt/segments/000001.qseg bs=1 seek=$((size / 2)) conv=notrunc status=none
$ qta-session verify hurt
| hurt: 'segments/000001.qseg': the block at byte {*} is damaged (it fails its checksum): records 32769 to 65536, received 1970-01-01T00:00:32.769000000Z to 1970-01-01T00:01:05.536000000Z, are lost
| hurt: damaged, problems: 1, records lost: 32768, readable: 67232
= 3
$ qta-session verify --quiet whole hurt
| hurt: 'segments/000001.qseg': the block at byte {*} is damaged (it fails its checksum): records 32769 to 65536, received 1970-01-01T00:00:32.769000000Z to 1970-01-01T00:01:05.536000000Z, are lost
| hurt: damaged, problems: 1, records lost: 32768, readable: 67232
= 3
$ qta-session cat hurt > rest.txt
! qta-session cat: hurt: 'segments/000001.qseg': the block at byte {*} is damaged (it fails its checksum): records 32769 to 65536, received 1970-01-01T00:00:32.769000000Z to 1970-01-01T00:01:05.536000000Z, are lost
= 3
$ wc -l < rest.txt
| 67232
$ qta-session cat whole | diff - rest.txt | sed -n '1p;2p;$p' | cut -c 1-14
| 32769,65536d32
| < {"seq":32769
| < {"seq":65536
$ qta-session cat --limit 1 hurt
| {"seq":1,"type":"trade","provider":"import","symbol":"X","ts_recv":"1970-01-01T00:00:00.001000000Z","ts_event":"1970-01-01T00:00:00.001000000Z","price":107.5,"size":7}

# A segment that is cut off still has its blocks.
$ cp -r whole cut; truncate -s -100 cut/segments/000001.qseg; qta-session verify cut
| cut: 'segments/000001.qseg': the trailer is damaged
| cut: 'segments/000001.qseg': the footer is damaged
| cut: damaged, problems: 2, records lost: 0, readable: 100000
= 3
$ qta-session cat cut | cmp - <(qta-session cat whole)

# Segments that are gone are missed as long as the index is there.
$ cp -r whole empty; rm empty/segments/*; qta-session verify empty
| empty: records 1 to 100000 are missing: the index has them in 1 segment from 'segments/000001.qseg' on
| empty: 'segments/000001.qseg' is not there, but the index has it with records 1 to 100000
| empty: damaged, problems: 2, records lost: 100000, readable: 0
= 3
$ qta-session cat empty
! qta-session cat: empty: records 1 to 100000 are missing: the index has them in 1 segment from 'segments/000001.qseg' on
= 3

# The end of a segment that is cut short is missed as well.
$ cp -r whole short; truncate -s $(($(stat -c %s short/segments/000001.qseg) * 6 / 10)) short/segments/000001.qseg
$ qta-session verify short
| short: 'segments/000001.qseg': the block at byte {*} is damaged (the file is cut short): records 32769 to 65536, received 1970-01-01T00:00:32.769000000Z to 1970-01-01T00:01:05.536000000Z, are lost
| short: records 65537 to 100000 are missing
| short: 'segments/000001.qseg': the trailer is damaged
| short: 'segments/000001.qseg': the footer is damaged
| short: damaged, problems: 4, records lost: 67232, readable: 32768
= 3
$ qta-session cat short > rest.txt
! qta-session cat: short: 'segments/000001.qseg': the block at byte {*} is damaged (the file is cut short): records 32769 to 65536, received 1970-01-01T00:00:32.769000000Z to 1970-01-01T00:01:05.536000000Z, are lost
! qta-session cat: short: records 65537 to 100000 are missing
= 3
$ wc -l < rest.txt
| 32768

# A repair saves the blocks around a bad one; what is lost is known from then on.
$ qta-session repair --output mended hurt
| 'segments/000001.qseg': the block at byte {*} is damaged (it fails its checksum): records 32769 to 65536 of it
| records 32769 to 65536 (32768), received between 1970-01-01T00:00:32.768000000Z and 1970-01-01T00:01:05.537000000Z, are lost
! mended: saved 67,232 records, lost 32,768 in 1 place
= 3
$ qta-session verify mended
| mended: ok, records: 67232, blocks: 3, lost before a repair: 32768
$ qta-session cat hurt 2>/dev/null | cmp - <(qta-session cat mended)
$ qta-replay --speed max --format none mended
! qta-replay: 67,232 ticks (67,232 of the market) in {*}
$ qta-session gaps mended
| mended  1970-01-01T00:00:32.768000000Z  32.8 s      hole        damaged  32,768 records
! gaps: 0 (0 resolved), drops: 0, lost connections: 0, known holes: 1 (32,768 records), damaged places: 0
$ qta-session info mended | grep lost
|   lost       32,768
$ qta-session repair --output mended hurt
! qta-session repair: 'mended' is there already
= 2
$ qta-session repair --output sealed whole; qta-session verify sealed
| sealed: ok, records: 100000, blocks: 4
! sealed: saved 100,000 records, lost 0 in 0 places
$ qta-session repair --output nothing empty
! qta-session repair: empty: nothing of the session can be saved
= 1

# The index can be made anew.
$ qta-session reindex unindexed garbage; qta-session verify unindexed garbage
| unindexed: ok, records: 100000, blocks: 4
| garbage: ok, records: 100000, blocks: 4

# Smaller, and the same.
$ qta-session compact --level 19 whole
| whole: {*} before, {*} after, segments written anew: {*}
$ qta-session verify whole; qta-session cat whole | cmp - <(qta-session cat sealed)
| whole: ok, records: 100000, blocks: 4
$ qta-session compact --level 20 whole
! qta-session compact: option '--level': '20' is not a whole number from 1 to 19
= 2
