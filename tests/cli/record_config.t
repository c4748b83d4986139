# A configuration that cannot be read is one line, and exit 2.
$ qta-record --config nothing.yaml
! qta-record: cannot read 'nothing.yaml': No such file or directory
= 2
$ qta-record --config .
! qta-record: cannot read '.': Is a directory
= 2
$ printf 'streaming:\n  provider: [\n' > broken.yaml; qta-record --config broken.yaml
! qta-record: broken.yaml:3: not YAML: did not find expected node content while parsing a flow node (line 3)
= 2

# All that is wrong is told at once; nothing is opened.
$ cat > wrong.yaml <<'END'
> streaming:
>   provider: sinthetic
>   bufer_size: 5
>   overflow: drop
>   reconnect_attempts: 0
> recording:
>   directory: ${NOT_SET_AT_ALL}
> END
> qta-record --config wrong.yaml
! qta-record: wrong.yaml:2: unknown adapter 'sinthetic' (have: {*}); did you mean 'synthetic'?
! qta-record: wrong.yaml:4: streaming.overflow must be 'block', 'drop_oldest', 'drop_newest' or 'disconnect', not 'drop'
! qta-record: wrong.yaml:5: streaming.reconnect_attempts must be a whole number from 1 to 1000000 or 'unlimited', not '0'
! qta-record: wrong.yaml:7: environment variable 'NOT_SET_AT_ALL' is not set; set it, or write ${NOT_SET_AT_ALL:-default}
! qta-record: warning: wrong.yaml:3: unknown key 'streaming.bufer_size' is ignored; did you mean 'buffer_size'?
= 2
$ qta-record --config wrong.yaml --check-config
! qta-record: wrong.yaml:2: unknown adapter 'sinthetic' (have: {*}); did you mean 'synthetic'?
! qta-record: wrong.yaml:4: streaming.overflow must be 'block', 'drop_oldest', 'drop_newest' or 'disconnect', not 'drop'
! qta-record: wrong.yaml:5: streaming.reconnect_attempts must be a whole number from 1 to 1000000 or 'unlimited', not '0'
! qta-record: wrong.yaml:7: environment variable 'NOT_SET_AT_ALL' is not set; set it, or write ${NOT_SET_AT_ALL:-default}
! qta-record: warning: wrong.yaml:3: unknown key 'streaming.bufer_size' is ignored; did you mean 'buffer_size'?
= 2
$ ls
| broken.yaml
| wrong.yaml

# With --log-format json the same goes into the log.
$ printf 'streaming:\n  provider: synthetic\n  buffer_size: 0\n' > wrong.yaml; qta-record --config wrong.yaml --log-format json
! {"time":"{*}","level":"error","area":"config","message":"wrong.yaml:3: streaming.buffer_size must be a whole number from 1 to 16777216, not '0'"}
= 2

# --check-config prints what it amounts to, and that is a configuration, too.
$ cat > good.yaml <<'END'
> streaming:
>   provider: alpaca
>   websocket_url: wss://stream.data.alpaca.markets/v2/iex
>   api_key: AKEY
>   api_secret: ${SECRET}
>   symbols: AAPL
>   subscriptions: [trades, quotes]
> END
> SECRET=s3cr3t qta-record --config good.yaml --check-config
| streaming:
|   symbols: [AAPL]
|   providers:
|     - name: alpaca
|       adapter: alpaca
|       websocket_url: "wss://stream.data.alpaca.markets/v2/iex"
|       auth_method: api_key
|       api_key: "***"
|       api_secret: "***"
|       api_key_file: null
|       api_secret_file: null
|       key_header: X-API-Key
|       secret_header: X-API-Secret
|       login_message: null
|       token_command: []
|       token_lifetime: 0
|       subscriptions: [trades, quotes]
|       symbols: [AAPL]
|       rate_limit:
|         default_rate: 100
|         burst_allowance: 50
|         connects_per_minute: 30
|       circuit_breaker:
|         failure_threshold: 5
|         timeout: 30s
|       max_connections: 10
|       lines: 1
|       connection_lifetime: 0
|       symbols_per_connection: 0
|       streams_per_connection: 0
|       compression: false
|       calendar: auto
|       closed_days: []
|       mute:
|         max_silence: 0
|         reconnect_after: 60s
|       tls:
|         ca_file: null
|         insecure: false
|       encoding: json
|   buffer_size: 65536
|   overflow: block
|   callback_hang_after: 5s
|   reconnect_attempts: unlimited
|   reconnect_delay: 500ms
|   reconnect_delay_max: 30s
|   health_check_interval: 10s
|   message_max: 16MiB
| recording:
|   enabled: true
|   directory: sessions
|   timezone: UTC
|   fsync_interval: 200ms
|   compression_level: 1
|   journal_chunk: 32MiB
|   journal_max: 4GiB
|   on_full: keep_dispatching
|   keep_days: 0
|   max_size: 0
|   min_free: 0
|   raw_frames: false
$ SECRET=s3cr3t qta-record --config good.yaml --check-config > printed.yaml
$ qta-record --config printed.yaml --check-config > again.yaml
! qta-record: warning: printed.yaml:8: streaming.providers.alpaca.api_key is '***', as a printed configuration has it; put the real one there
! qta-record: warning: printed.yaml:9: streaming.providers.alpaca.api_secret is '***', as a printed configuration has it; put the real one there
$ cmp printed.yaml again.yaml
$ ls
| again.yaml
| broken.yaml
| good.yaml
| printed.yaml
| wrong.yaml

# What is printed says what would be; whether it can start is looked at as well.
$ printf 'streaming: {provider: alpaca, websocket_url: "wss://127.0.0.1:9/v2/iex", symbols: [AAPL], subscriptions: [trades]}\n' > keyless.yaml; qta-record --config keyless.yaml --check-config >checked; echo $?; grep -c api_key: checked; rm checked keyless.yaml
! qta-record: provider 'alpaca' has no API key: set ALPACA_API_KEY and ALPACA_API_SECRET, or APCA_API_KEY_ID and APCA_API_SECRET_KEY, or api_key_file and api_secret_file
| 2
| 1

# Values of the command line lie on top of the file.
$ SECRET=x qta-record --config good.yaml --check-config --set streaming.symbols=A,B --set streaming.providers.alpaca.rate_limit.default_rate=5 --output out | grep -E 'symbols:|default_rate|enabled|directory'
|   symbols: [A, B]
|       symbols: [A, B]
|         default_rate: 5
|   enabled: true
|   directory: out
$ SECRET=x qta-record --config good.yaml --check-config --set streaming.symbol=A --set buffer
! qta-record: override 'buffer': must be KEY=VALUE, like streaming.buffer_size=5000
! qta-record: override 'streaming.symbol': unknown key 'streaming.symbol'; did you mean 'symbols'?
= 2
$ ls
| again.yaml
| broken.yaml
| good.yaml
| printed.yaml
| wrong.yaml

# Recording is on by default, but not of a replay; and not against the file's word.
$ printf 'streaming: {provider: replay, session: x}\n' > replay.yaml; qta-record --config replay.yaml --check-config | grep enabled
! qta-record: provider 'replay': no session at 'x'
|   enabled: false
$ printf 'streaming: {provider: synthetic}\nrecording: {enabled: false}\n' > off.yaml; qta-record --config off.yaml --check-config | grep enabled
|   enabled: false
$ qta-record --config replay.yaml --output x
! qta-record: override 'recording.enabled': provider 'replay' plays a recording, which is not recorded again: set recording.enabled to false; to have a copy of a session, copy its directory
= 2

# Where nothing can come there is nothing to record.
$ printf 'streaming: {provider: alpaca, websocket_url: "ws://127.0.0.1:1/"}\n' > empty.yaml; qta-record --config empty.yaml
! qta-record: warning: empty.yaml:1: provider 'alpaca' has no subscriptions: nothing will come unless the program subscribes
! qta-record: nothing to record: no provider in 'empty.yaml' has subscriptions
= 2
