"""The shard-supervisor process: starts the shards of this host as programs of supervisord, watches and un-sticks them.

Run by supervisord (`python -m shards.supervisor`). Owns the files `shard-NN.conf` of the include folder; in Postgres it
only ever expires members whose process it saw die, and reads how many shards are wished for. Nothing depends on it
being alive: without it, a shard still restarts (supervisord does that) and a dead member's slots are taken when its
lease ends.

__main__      settings, pools, signals
watcher       what it does each second, and at once when a shard dies
programs      pure: which programs there should be, and when one that fails is started again
verdicts      pure: which members are dead, which shards are stalled
deaths        learns of a process's end from the kernel (pidfd)
rpc           supervisord's XML-RPC over its Unix socket
program_file  one program of supervisord as a file; `ops` writes its own programs with it
queries       SQL on shard_members
"""
