"""The `replyx` command and everything that runs the product: it stands above all other packages.

cli          the command line: arguments, exit codes, one clear line a failure
refusal      the exit codes, and the error that carries one
up           `replyx up`: checks, databases, migration, seed, programs, in that order, in the foreground
foreground   what `up` becomes when all is up: waits, and stops in order
programs     the generated program files of supervisord (embedded services, demo simulators)
control      supervisord itself: start it, talk to it over its Unix socket
environment  the settings of this host: the user's, completed by the embedded services
probes       does it answer?          progress   a line a step
migrate      Alembic and the login roles
seed         the demo tenant; seed_knowledge its documents and Q&A pairs
doctor       one line a check, with what to do
shards       `replyx shards`: the slot table; scale      roll         `replyx shards roll`
operator_cli the arguments of `replyx deadletters` and `replyx bots`
deadletters  `replyx deadletters`: list, show, retry, discard
bots         `replyx bots import`: many bots from a file of tokens
archive      `replyx backup` and `replyx restore`: pg_dump and pg_restore
embedded/    PostgreSQL and Valkey as child programs
"""
