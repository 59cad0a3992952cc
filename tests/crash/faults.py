"""The sixty faults: what is to happen at each, and what shows it. `python -m tests.crash.faults` writes the table.

A row without a test says why one machine cannot show it.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs/reliability.md"
BEGIN, END = "<!-- faults: made by python -m tests.crash.faults -->", "<!-- end of faults -->"
CHAOS = "crash/test_lab.py::test_a_storm_over_the_procfiles_processes_keeps_every_promise"
CHAOS_EMBEDDED = "crash/test_lab.py::test_a_storm_over_tieback_up_keeps_every_promise"
LINES = "crash/test_every_line.py::test_no_line_at_which_to_end_loses_the_event_or_doubles_the_effect"
POINTS = "crash/test_every_line.py::test_sigkill_at_every_named_failpoint_costs_nothing"


@dataclass(frozen=True)
class Fault:
    """`tests` are `file::name` below tests/; `without` says why there is none, or what the tests leave open."""

    number: int
    what: str
    expected: str
    tests: tuple[str, ...] = ()
    without: str = ""


def _f(number: int, what: str, expected: str, *tests: str, without: str = "") -> Fault:
    return Fault(number, what, expected, tests, without)


FAULTS: tuple[Fault, ...] = (
    _f(1, "Door killed before the commit", "no answer; the sender delivers again", LINES, POINTS),
    _f(2, "Door killed after the commit, before anybody was rung", "the relay rings; it runs once", LINES, POINTS),
    _f(3, "Door killed after the commit, before the answer", "the redelivery is absorbed and answered 204", POINTS,
       "webhook/test_storage_fails.py::test_a_crash_between_commit_and_answer_leaves_a_row_that_the_redelivery_finds"),
    _f(4, "The broker forgets everything (FLUSHALL, purge)", "the relay rings again", CHAOS,
       "workers/test_path.py::test_losing_every_ring_costs_nothing_but_time"),
    _f(5, "Broker killed and started again", "the door goes on answering 204; workers reconnect", CHAOS,
       "crash/test_services.py::test_a_dead_broker_does_not_stop_the_work"),
    _f(6, "Broker swallows everything", "the door does not wait for it", CHAOS,
       "workers/test_broker.py::test_a_broker_that_swallows_everything_costs_the_caller_nothing"),
    _f(7, "Redis at maxmemory", "rings are refused; workers take work from the database",
       "crash/test_services.py::test_a_redis_that_refuses_every_write_does_not_stop_the_work"),
    _f(8, "Redis frozen", "no effect twice after it thaws", CHAOS),
    _f(9, "Redis fails over and answers READONLY", "work goes on from the database, and by rings when it writes again",
       "crash/test_services.py::test_a_redis_that_refuses_every_write_does_not_stop_the_work"),
    _f(10, "RabbitMQ killed and started again", "queues are declared again, publishes are confirmed", CHAOS,
       "crash/test_services.py::test_a_dead_broker_does_not_stop_the_work"),
    _f(11, "PostgreSQL killed and started again", "503 until it is back; nothing acknowledged is lost", CHAOS,
       "webhook/test_storage_fails.py::test_a_store_that_cannot_write_is_503_and_recovers_by_itself"),
    _f(12, "PostgreSQL fails over to a replica that lags", "nothing is acknowledged that the replica lacks",
       "crash/test_failover.py::test_a_standby_that_takes_over_has_all_that_was_acknowledged",
       without="only with `synchronous_commit = remote_apply`; else what the replica lacks is lost with the old disk"),
    _f(13, "The link breaks during COMMIT", "whole transactions are repeated; unique keys absorb what took place", CHAOS,
       "crash/test_nth.py::test_the_link_to_the_database_cut_at_any_byte_loses_and_doubles_nothing"),
    _f(14, "Deadlock, serialisation failure, lock timeout", "tried again, at most five times",
       "store/test_session.py::test_only_what_passes_by_itself_is_tried_again",
       "store/test_deliveries.py::test_eight_groups_with_common_keys_neither_deadlock_nor_double",
       "crash/test_nth.py::test_a_database_error_at_any_statement_of_the_path_loses_and_doubles_nothing"),
    _f(15, "No connection to the database is free", "503 after a bounded wait",
       "webhook/test_committer.py::test_a_store_that_stays_silent_makes_nobody_wait_longer_than_the_patience",
       "webhook/test_committer.py::test_a_full_queue_refuses_at_once"),
    _f(16, "The database's disk is full", "503, no damage, and on again once there is room",
       "crash/test_disk.py::test_a_full_disk_is_503_until_there_is_room_and_the_process_goes_on"),
    _f(17, "The disk for logs is full", "work goes on; the lines meanwhile are lost",
       "crash/test_disk.py::test_a_full_disk_under_the_log_stops_no_work_and_there_are_lines_again_once_there_is_room"),
    _f(18, "fsync answers EIO", "the process ends; its successor reads what is really there",
       "crash/test_disk.py::test_a_disk_that_cannot_sync_ends_the_process_instead_of_answering_503_for_ever"),
    _f(19, "Power is lost", "what was acknowledged is there",
       "crash/test_power.py::test_power_that_is_lost_takes_nothing_that_was_acknowledged",
       without="a disk that says it has synced and has not is noticed by nobody"),
    _f(20, "SQLite is locked", "nobody sees an error; writers take turns", CHAOS_EMBEDDED,
       "store/test_session.py::test_four_threads_that_read_then_write_lose_nothing"),
    _f(21, "SQLite's WAL-reset race", "WAL only on builds without it",
       "store/test_session.py::test_wal_is_used_only_on_builds_without_its_race"),
    _f(22, "SQLite file on a network disk, or opened by two hosts", "refused at the start, with what to do instead",
       "store/test_disks.py::test_a_database_on_a_network_disk_is_refused_with_what_to_do",
       without="two hosts that share a disk by other means than those named are not noticed"),
    _f(23, "Worker killed in an action", "its work is taken back when the lease ends", CHAOS, CHAOS_EMBEDDED,
       "crash/test_kill.py::test_a_burst_survives_the_death_of"),
    _f(24, "Worker killed after the effect, before its commit", "no second effect", LINES, POINTS,
       "crash/test_writes.py::test_no_line_at_which_to_end_makes_the_record_twice_or_never"),
    _f(25, "Worker frozen past its lease, then thawed", "it commits nothing and calls nobody", CHAOS, CHAOS_EMBEDDED,
       "crash/test_model.py::test_whatever_dies_freezes_or_is_forgotten_the_effect_is_applied_once_and_the_run_ends",
       "store/test_leases.py::test_an_expired_lease_is_reaped_and_the_zombie_is_fenced"),
    _f(26, "An action that ends its process each time", "put aside after six, with that cause",
       "store/test_leases.py::test_what_ends_the_worker_six_times_is_put_aside_with_the_cause",
       "workers/test_poison.py::test_a_delivery_that_ends_its_worker_is_put_aside"),
    _f(27, "An automation that this version cannot read", "its run fails with the reason, others go on",
       "workers/test_execute.py::test_a_version_that_no_longer_parses_fails_its_run_with_the_reason",
       "workers/test_loaded.py::test_a_version_this_code_no_longer_reads_stops_no_other"),
    _f(28, "SIGTERM under load", "what was begun is finished, the rest comes back", CHAOS, CHAOS_EMBEDDED,
       "webhook/test_serve.py::test_stopping_answers_what_was_begun_and_takes_nothing_new"),
    _f(29, "A supervisor or its child dies", "the tree is whole again", CHAOS_EMBEDDED,
       "console/test_up.py::test_a_killed_child_comes_back",
       "console/test_up.py::test_a_killed_supervisor_is_replaced_by_its_child"),
    _f(30, "Procore is slow", "every call has an end",
       "connectors/test_http.py::test_an_answer_that_never_comes_ends_with_the_read_timeout",
       "connectors/test_http.py::test_an_answer_that_drips_ends_with_the_total_timeout"),
    _f(31, "401", "one new token for all who need it, then the reason",
       "connectors/test_tokens.py::test_eight_threads_with_one_revoked_token_fetch_one_new_token",
       "connectors/test_tokens.py::test_a_fresh_token_that_is_refused_too_is_permanent_after_two_tries"),
    _f(32, "403", "no storm of retries; the mend is named", CHAOS,
       "workers/test_access.py::test_a_burst_into_a_closed_tool_costs_a_handful_of_calls"),
    _f(33, "404 on a record that was told of", "looked for during a minute, then skipped; nothing is deleted",
       "workers/test_path.py::test_a_record_that_is_not_there_yet_is_looked_for_again",
       "traps/test_reading.py::test_trap_15_a_404_on_an_update_deletes_nothing"),
    _f(34, "409 or 422, it exists already", "looked up and adopted", CHAOS,
       "workers/test_doubt.py::test_what_has_an_origin_id_is_sent_again_and_adopted"),
    _f(35, "429", "all processes wait until the quota is back",
       "workers/test_quota.py::test_a_pause_that_one_process_was_told_of_holds_for_the_others",
       "connectors/test_governor.py::test_a_429_is_told_at_once_and_the_calls_in_hand_are_not_sent"),
    _f(36, "408, 500, 502, 503", "reads are repeated; a write only by its policy", CHAOS,
       "connectors/test_http.py::test_each_status_says_what_the_caller_does_next",
       "automations/test_effects.py::test_a_server_error_may_have_come_after_the_work_unless_it_asks_to_come_back"),
    _f(37, "Time-out or reset in the middle of an answer", "a write is in doubt and treated so", CHAOS,
       "connectors/test_http.py::test_an_answer_that_is_cut_at_any_byte_is_never_taken_for_data",
       "connectors/test_http.py::test_a_write_whose_answer_is_cut_is_uncertain",
       "crash/test_nth.py::test_the_link_to_the_far_end_cut_at_any_byte_loses_and_doubles_nothing"),
    _f(38, "Truncated JSON, wrong length", "no data",
       "connectors/test_http.py::test_json_that_is_cut_or_no_json_is_transient",
       "connectors/test_http.py::test_a_truncated_chunked_answer_is_transient"),
    _f(39, "A gateway's HTML with status 200", "no data",
       "connectors/test_http.py::test_a_gateways_html_page_with_status_200_is_no_data",
       without="`http.call` to a web service of yours takes any 2xx for done: say what it must be with `expect:`"),
    _f(40, "Endless pages, pages in circles, huge bodies", "they end with an error",
       "connectors/test_reading.py::test_pages_that_go_round_in_circles_stop_with_an_error",
       "connectors/test_reading.py::test_pages_without_end_stop_with_an_error",
       "connectors/test_http.py::test_an_endless_chunked_answer_stops_at_the_cap"),
    _f(41, "Records move between pages meanwhile", "none is missed",
       "workers/test_importing.py::test_records_that_move_to_an_earlier_page_meanwhile_are_not_missed",
       "connectors/test_reading.py::test_a_record_that_moved_to_the_next_page_meanwhile_comes_once"),
    _f(42, "The token ends in the middle of a list", "a new one, and the list goes on",
       "connectors/test_tokens.py::test_a_short_lived_token_is_still_used_more_than_once",
       "connectors/test_tokens.py::test_a_revoked_token_is_replaced_once_and_the_call_goes_through"),
    _f(43, "Clocks are off", "leases go by the database's clock, timers by monotonic ones",
       "connectors/test_governor.py::test_a_clock_that_is_an_hour_off_changes_nothing",
       "workers/test_quota.py::test_a_clock_that_is_an_hour_off_delays_nothing_and_refuses_nothing",
       "workers/test_keeper.py::test_a_renewed_lease_is_long_again_in_both_clocks"),
    _f(44, "The same delivery many times at once", "one row, one effect", CHAOS, CHAOS_EMBEDDED,
       "webhook/test_procore.py::test_a_thousand_replays_from_eight_threads_are_one_row"),
    _f(45, "Out of order, or twelve hours late", "the newest state stands", CHAOS, CHAOS_EMBEDDED,
       "store/test_tables.py::test_newer_is_never_lost_to_older",
       "traps/test_events.py::test_trap_03_an_update_that_arrives_before_its_create_leaves_the_newest_state"),
    _f(46, "Payloads v2, v3, v4, and what nobody can read", "kept; quarantined with the reason; 204", CHAOS, CHAOS_EMBEDDED,
       "workers/test_events.py::test_any_json_is_an_event_or_a_reason",
       "webhook/test_hostile_bodies.py::test_an_unfit_body_is_kept_in_quarantine_and_answered_204"),
    _f(47, "Forged and replayed deliveries", "401, or absorbed", CHAOS, CHAOS_EMBEDDED,
       "webhook/test_refusals.py::test_a_flood_of_forged_deliveries_does_not_stop_genuine_ones"),
    _f(48, "A storm of events", "all are kept; one read per record",
       "traps/test_events.py::test_trap_30_an_edit_fanned_out_to_many_events_is_one_read_per_record",
       "webhook/test_procore.py::test_many_different_deliveries_at_once_are_all_kept",
       without="its size is measured by `make bench`, not by a test"),
    _f(49, "A rule that sets itself off", "ended after five hops",
       "workers/test_echoes.py::test_two_automations_that_set_each_other_off_are_stopped_after_five_hops"),
    _f(50, "An automation is edited while it runs", "the run keeps its version", CHAOS, CHAOS_EMBEDDED,
       "workers/test_loaded.py::test_a_run_keeps_the_version_it_began_with"),
    _f(51, "Two people edit one thing", "the second is told what the first did",
       "console/test_connector_change.py::test_of_two_who_edit_at_once_the_second_is_refused_and_told_both_values"),
    _f(52, "News of a change of configuration is lost", "every process looks by itself",
       "workers/test_config_events.py::test_losing_every_bell_loses_no_change",
       "workers/test_loaded.py::test_a_change_is_seen_at_the_next_look_and_not_before"),
    _f(53, "Two versions side by side during an upgrade", "both work",
       "store/test_migrate.py::test_two_processes_that_start_together_migrate_once",
       "crash/test_upgrade.py::test_this_version_and_the_next_work_side_by_side_and_either_may_be_started",
       "crash/test_upgrade.py::test_a_version_that_the_newer_schema_no_longer_serves_refuses_with_one_sentence",
       "store/test_migrate.py::test_a_table_that_somebody_holds_is_tried_again_and_nobody_stands_behind_it"),
    _f(54, "Secrets are rotated", "no delivery is refused", CHAOS, CHAOS_EMBEDDED,
       "workers/test_rotation.py::test_no_delivery_is_refused_while_the_secret_is_renewed_again_and_again"),
    _f(55, "The wrong master key at start", "refused, and nothing is destroyed",
       "store/test_canary.py::test_the_wrong_keys_are_refused_and_the_right_ones_still_work",
       "security/test_r25_at_rest.py::test_keys_are_rotated_without_a_moment_in_which_nothing_opens"),
    _f(56, "A worker is cut off from the database", "others take over; its fence stops it", CHAOS,
       "workers/test_keeper.py::test_a_database_that_is_away_at_the_renewal_loses_nothing_yet"),
    _f(57, "Names are not resolved, or slowly", "the call ends with its time-out",
       "connectors/test_http.py::test_a_refused_connection_sent_nothing_so_even_a_write_is_only_transient",
       without="a resolver that hangs needs a network of its own; the deadline of the whole call is tested at the answer"),
    _f(58, "A backup of yesterday is restored", "what may have been done since is looked up, or left to a person",
       "workers/test_restored.py::test_what_was_done_after_the_backup_is_not_repeated_unseen"),
    _f(59, "A clean-up takes work in flight", "impossible",
       "store/test_purging.py::test_an_old_event_stays_whole_while_something_leans_on_it",
       "workers/test_purging.py::test_a_purge_after_every_moment_of_a_story_changes_nothing_outside"),
    _f(60, "Procore was out of reach for 13 hours", "everything is found afterwards, and no effect is made twice",
       "crash/test_outage.py::test_after_thirteen_hours_out_of_reach_the_tables_equal_a_full_import_and_no_effect_ran_twice"),
)  # fmt: skip


def table() -> str:
    rows = ["| # | fault | what happens | shown by |", "|---|---|---|---|"]
    for one in FAULTS:
        shown = [f"`{test}`" for test in one.tests] + ([one.without] if one.without else [])
        rows.append(f"| {one.number} | {one.what} | {one.expected} | {'<br>'.join(shown)} |")
    return "\n".join(rows)


def page(text: str) -> str:
    """The page with its table made anew."""
    head, _, rest = text.partition(BEGIN)
    _, _, tail = rest.partition(END)
    return f"{head}{BEGIN}\n\n{table()}\n\n{END}{tail}"


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text("utf-8")), "utf-8")
    sys.stdout.write(f"{PAGE} has {len(FAULTS)} rows\n")
