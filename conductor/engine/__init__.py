"""
The engine: how contacts move. A vectorised interpreter inside PostgreSQL.

The timer is the row (`enrollment.due_at`); the queue of facts is a table
(`contacts_intake`). Nothing else says what is to be done, so nothing can disagree with
them: wake-ups, tasks and the pulse are hints.

**From a fact to a worker.**

1. *announce* (`contacts.actions.facts`). In: a fact, in its own transaction. Out: one
   intake row for each live conversation that listens, and a wake-up on commit. Lost: only
   the wake-up.
2. *pulse* (`pulse`, a process of its own). In: the clock. Each second one statement asks
   the look-up functions who has work. Out: at most as many `advance` tasks queued as
   there are workers; a heartbeat every five seconds; once a day the tasks of
   `conductor.schedule`. Lost: a beat; the next one finds the same.
3. *advance* (`tasks`, on django-q2, about a second). In: nothing. It serves the accounts
   with work, least recently served first. Out: ticks, and another `advance` if work is
   left. Lost or run twice: nothing changes.
4. *turn* (`turns`). In: an account. Its turn row is locked by SKIP LOCKED: one tick at a
   time. An attempt is committed before the work, since the queue does not count a task
   whose worker was killed. The attempts after it are watched (`watch`): before each part of
   a step or a rule they note on another connection which it is and for whom, so that the
   next knows where its forerunner died. Who was alone there twice is set aside: held, or a
   fact refused, with `tick failed`; three deaths, four where many stand at the step. A
   failure that no step is to blame for makes ticks smaller and of one kind (`run_part`);
   after five attempts the account pauses for five minutes before each, and after seven what
   comes first is set aside.

**A tick** (`tick`) is one transaction of one account, with one `now`. All or nothing of
it happens; there is nothing to undo after a crash, and nothing to repeat.

0. *chores.* `contacts.segments.keep` asks again whom a fact has touched, `alarms.ring`
   queues yearly dates that have come; what they write is recorded `now`.
1. *live conversations.* Out: those with due enrollments or queued facts, locked shared:
   whoever pauses or publishes waits for the tick, and nothing moves afterwards.
2. *claim.* In: due enrollments, oldest first, FOR UPDATE SKIP LOCKED. Out: rows of the
   temporary tables `enrolled` (how each began) and `arrivals` (where each is). Who was told
   by hand where to go (`Enrollment.told`) stands in wave 0 with that exit: no step is run.
   Nor is one for whoever was erased meanwhile, and ends, `contact deleted`.
3. *intake* (`intake`, `triggers`). One at a time in an account, by an advisory lock taken in
   a statement of its own: re-entry is decided against what is committed. In: the oldest
   facts of each conversation, DELETE ... RETURNING, as this tick found everybody, before
   any timer. A fact that no trigger means is dropped. Out: the first fact of a contact that
   a trigger matches enters it (its row is written by the flush; its id comes from the
   sequence); triggers' facts after it are put back; the rest are refusals with a reason.
   `while_in: restart`: the enrollment that it replaces ends in wave 0. Wakes: the active
   enrollment is locked and stands in wave 0 as `is_woken`; triggers' facts behind a wake are
   put back. What is about an enrollment that is locked elsewhere stays queued.
4. *endings* (`endings`), of the woken: contact deleted, address changed, unsubscribed, goal,
   exit rule, the first that holds. They end in wave 0; messages put off are taken back for
   goal and exit rule. Then those at a step that waits for something (`StepType.wakes`) join
   wave 1; of the others nothing is written.
5. *run to rest.* Wave after wave: for each step that has arrivals its type runs
   (`arrivals`, `conductor.steps`), one statement over all of them, and names exits or due
   times; `move_on` turns exits into arrivals. Until everybody waits, is held or has
   ended; after 100 visits in one tick an enrollment is held with `loop`. Side effects:
   profile values that actions write; rows of the temporary `outbox`.
   A step runs in a savepoint (`faults`). On an error its arrivals are halved until the
   culprit is alone, which is held with `step_error` and what is wrong; a statement that
   cannot run at all, or a name whose thing is gone, holds everybody at that step.
6. *flush.* One UPDATE of those inside, one INSERT of new enrollments, one of visits, one of
   deliveries, and the tallies and those at a goal, if there are any. Whom a step could not find because the
   contact is gone ends, `contact deleted`. After the commit the sender is woken.

The temporary tables empty themselves at the commit. No statement qualifies a table with a
schema, and none reads the clock: a session whose temporary schema shadows the engine's
tables runs the same statements under a clock of its own.

**Plans.** `arrivals` and `facts` are never analysed: PostgreSQL takes them for small and
probes the large tables by their keys, which is what a batch of a few thousand wants. A
rule stands in SET, never in WHERE, or the planner might ask it of contacts that are not
here. "Is there any" is asked as "which is the first": see live_conversations.sql.
"""
