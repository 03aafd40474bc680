//! The table of actions and roles.

use super::*;
use crate::infra::i18n::Lang;

/// One line for each action: the initials of the roles that may perform it, in the order of `Role::ALL`; `V` stands only
/// where a visitor may.
const TABLE: &str = "
    add_workspace O------
    list_workspaces O------
    list_machines O------
    forget_machine O------
    change_setting O------
    list_settings O------
    rotate_token_key O------
    search_traces O------
    migrate_store O------
    make_backup O------
    restore_backup O------
    read_returned_mail OOMAAS-
    take_returned_mail O------
    list_set_aside O------
    settle_set_aside O------
    send_mail O------
    add_field OOM----
    index_field OOM----
    change_field OOM----
    remove_field OO-----
    list_fields OOMAAS-
    add_list OOM----
    rename_list OOM----
    close_list OO-----
    list_lists OOMAAS-
    change_forms OOM----
    list_forms OOMAAS-
    import_contacts OOM----
    suppress_contacts OOM----
    undo_import OOM----
    list_contacts OOM-AS-
    add_contact OOM----
    show_contact OOM-AS-
    correct_contact OOM----
    restrict_contact OOM----
    unrestrict_contact OOM----
    unsuppress_contact OOM----
    withdraw_consent OOM----
    prove_consent OOM-AS-
    list_requests OOM-AS-
    manage_requests OOM----
    erase_contact OOM----
    invite_contact OOM----
    save_segment OOM----
    remove_segment OOM----
    read_segment OOMAAS-
    list_segments OOMAAS-
    change_brand OO-----
    show_brand OOMAAS-
    read_policy OOMAAS-
    read_published_policy ------R
    change_policy OO-----
    add_campaign OOM----
    preflight_campaign OOM----
    test_campaign OOM----
    schedule_campaign OOM----
    start_campaign OOM----
    pause_campaign OOM----
    resume_campaign OOM----
    recall_campaign OOM----
    cancel_campaign OOM----
    remove_campaign OOM----
    show_campaign OOMAAS-
    list_pictures OOMAAS-
    change_pictures OOM----
    stop_series OOM----
    resume_series OOM----
    list_uncertain OOM-AS-
    settle_uncertain OOM----
    export OOMA---
    export_contacts OOM----
    change_relay OO-----
    show_relay OOMAAS-
    test_relay OO-----
    change_lane OO-----
    list_lanes OOMAAS-
    read_overview OOMAAS-
    read_captured_message O------
    unsubscribe ------R
    erase_self ------R
    sign_up ------R
    change_self ------R
    accept_invitation ------R
    read_self ------R
    list_team OO-----
    change_team OO-----
    add_user O------
    list_users O------
    remove_user O------
    reset_user O------
    manage_sessions O------
    change_identity_provider O------
    show_identity_provider O------
    complete_setup -------V
    sign_in -------V
    choose_password -------V
    join_workspace -------V
    manage_account -------V
    read_audit_log OO--A--
    check_logs O------
    run_retention OO-----
    read_destruction_log OO--A--
    end_workspace OO-----
";

#[test]
fn every_action_has_a_name_in_every_language() {
    for lang in Lang::ALL {
        let unnamed: Vec<_> =
            Action::ALL.iter().filter(|action| lang.tr(action.key()).contains(action.key())).collect();
        assert!(unnamed.is_empty(), "{lang}: {unnamed:?}");
    }
}

#[test]
fn every_action_is_permitted_to_the_roles_of_the_table() {
    let row = |action: &Action| {
        let mark = |role: &Role| {
            let initial = role.as_str()[..1].to_uppercase();
            if action.is_permitted_to(*role) { initial } else { "-".to_owned() }
        };
        let marks: String = Role::ALL.iter().map(mark).collect();
        format!("{action} {}", marks.strip_suffix('-').unwrap_or(&marks))
    };

    let found: Vec<String> = Action::ALL.iter().map(row).collect();
    let expected: Vec<&str> = TABLE.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    assert_eq!(found, expected);
}
