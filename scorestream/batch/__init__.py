"""A file of applications through the batch lane: `scorestream score-batch`.

rows      the file as JSON applications, in bounded memory
sending   what is not on the log yet goes to `applications-batch`
results   what comes back on `predictions-batch` and the dead letters
run       the two beside each other, resumable: the log says what was sent and what is decided
"""
