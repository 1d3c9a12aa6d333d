"""The protocol under a seeded scheduler: real code of scorer and gateway, a broker that misbehaves.

    python -m tests.simulation --schedules 500     totals and the seeds that fail
    python -m tests.simulation --seed 17           everything that happened in one

One seed is one schedule: which requests come, what the network does to each message, who is killed,
stopped and started when. Time is virtual, so a schedule of half a minute takes some tens of milliseconds.
"""
