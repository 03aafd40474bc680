//! Permissions: the actions of users, and the one table of the roles that may perform them.

use crate::access::Role;

crate::text_enum! {
    /// An action of a user; each has one use case, or a few that are permitted together.
    Action keyed "action-" {
        /// Make a workspace.
        AddWorkspace = "add_workspace",
        /// List the workspaces.
        ListWorkspaces = "list_workspaces",
        /// List the machines that share the database.
        ListMachines = "list_machines",
        /// Forget a machine that does not come back.
        ForgetMachine = "forget_machine",
        /// Change a setting of the installation.
        ChangeSetting = "change_setting",
        /// List the settings of the installation.
        ListSettings = "list_settings",
        /// Make a new key for tokens.
        RotateTokenKey = "rotate_token_key",
        /// Search every table and file for an address.
        SearchTraces = "search_traces",
        /// Move the data to another store, cancel that, or wipe the old store.
        MigrateStore = "migrate_store",
        /// Make a backup, or a key for backups.
        MakeBackup = "make_backup",
        /// Restore a backup, or rehearse that.
        RestoreBackup = "restore_backup",
        /// Say what a message is that came back, and count what came back.
        ReadReturnedMail = "read_returned_mail",
        /// Take mail that came back: suppress, unsubscribe.
        TakeReturnedMail = "take_returned_mail",
        /// List the lines that are set aside.
        ListSetAside = "list_set_aside",
        /// Process lines that are set aside again, or dismiss them.
        SettleSetAside = "settle_set_aside",
        /// Send what is due.
        SendMail = "send_mail",
        /// Declare a field.
        AddField = "add_field",
        /// Index a field, or remove the index.
        IndexField = "index_field",
        /// Rename a field, or set what recipients' pages call it.
        ChangeField = "change_field",
        /// Remove a field and its values.
        RemoveField = "remove_field",
        /// List the fields.
        ListFields = "list_fields",
        /// Make a list.
        AddList = "add_list",
        /// Rename a list.
        RenameList = "rename_list",
        /// Close a list and unsubscribe its subscribers.
        CloseList = "close_list",
        /// List the lists.
        ListLists = "list_lists",
        /// Make, change or remove a sign-up form.
        ChangeForms = "change_forms",
        /// List the sign-up forms.
        ListForms = "list_forms",
        /// Import contacts from a file.
        ImportContacts = "import_contacts",
        /// Keep people out who left elsewhere.
        SuppressContacts = "suppress_contacts",
        /// Remove the people that an import alone brought.
        UndoImport = "undo_import",
        /// List and find contacts.
        ListContacts = "list_contacts",
        /// Add one contact.
        AddContact = "add_contact",
        /// Show what is stored about a contact.
        ShowContact = "show_contact",
        /// Correct the data of a contact.
        CorrectContact = "correct_contact",
        /// Restrict the processing of a contact.
        RestrictContact = "restrict_contact",
        /// End the restriction of a contact.
        UnrestrictContact = "unrestrict_contact",
        /// Lift the suppression of a contact after a hard bounce.
        UnsuppressContact = "unsuppress_contact",
        /// Record that a contact has taken a consent back.
        WithdrawConsent = "withdraw_consent",
        /// Show what an erased address had consented to.
        ProveConsent = "prove_consent",
        /// List and show requests of people about their data.
        ListRequests = "list_requests",
        /// Enter, check, extend and close requests of people about their data.
        ManageRequests = "manage_requests",
        /// Erase a contact.
        EraseContact = "erase_contact",
        /// Send an erased address an invitation to come back.
        InviteContact = "invite_contact",
        /// Save a segment.
        SaveSegment = "save_segment",
        /// Remove a segment.
        RemoveSegment = "remove_segment",
        /// Count the contacts of a segment, or explain it for one contact.
        ReadSegment = "read_segment",
        /// List the segments.
        ListSegments = "list_segments",
        /// Change the brand of the workspace.
        ChangeBrand = "change_brand",
        /// Show the brand of the workspace.
        ShowBrand = "show_brand",
        /// Read the privacy policy, what a policy file would change, and the proof of its promises.
        ReadPolicy = "read_policy",
        /// Read the published editions of a privacy policy.
        ReadPublishedPolicy = "read_published_policy",
        /// Apply a privacy policy, and announce a new edition.
        ChangePolicy = "change_policy",
        /// Add or replace the draft of a campaign.
        AddCampaign = "add_campaign",
        /// Run the preflight of a campaign.
        PreflightCampaign = "preflight_campaign",
        /// Send a test message of a campaign.
        TestCampaign = "test_campaign",
        /// Schedule a campaign, or begin a series.
        ScheduleCampaign = "schedule_campaign",
        /// Start a campaign.
        StartCampaign = "start_campaign",
        /// Pause a campaign.
        PauseCampaign = "pause_campaign",
        /// Resume a campaign.
        ResumeCampaign = "resume_campaign",
        /// Recall the unsent deliveries of a campaign.
        RecallCampaign = "recall_campaign",
        /// Cancel a campaign.
        CancelCampaign = "cancel_campaign",
        /// Remove a campaign that was never launched.
        RemoveCampaign = "remove_campaign",
        /// Show a campaign, or list the campaigns and series.
        ShowCampaign = "show_campaign",
        /// List the pictures of emails.
        ListPictures = "list_pictures",
        /// Add, describe or remove a picture of emails.
        ChangePictures = "change_pictures",
        /// Stop a series.
        StopSeries = "stop_series",
        /// Resume a series.
        ResumeSeries = "resume_series",
        /// List the uncertain deliveries.
        ListUncertain = "list_uncertain",
        /// Settle the uncertain deliveries.
        SettleUncertain = "settle_uncertain",
        /// Export rows and numbers that name nobody.
        Export = "export",
        /// Export rows that name people.
        ExportContacts = "export_contacts",
        /// Add, change or remove a relay.
        ChangeRelay = "change_relay",
        /// Show a relay, or list the relays.
        ShowRelay = "show_relay",
        /// Connect to a relay without sending.
        TestRelay = "test_relay",
        /// Add, change, reset or resume a lane.
        ChangeLane = "change_lane",
        /// List the lanes.
        ListLanes = "list_lanes",
        /// Read the overview of the desk.
        ReadOverview = "read_overview",
        /// Read the messages of the capture inbox.
        ReadCapturedMessage = "read_captured_message",
        /// Unsubscribe from the list of a message, or from another list.
        Unsubscribe = "unsubscribe",
        /// Be erased from every list of the workspace.
        EraseSelf = "erase_self",
        /// Sign up by a form, and confirm it.
        SignUp = "sign_up",
        /// Change one's own data, lists and frequency.
        ChangeSelf = "change_self",
        /// Follow an invitation, and come back.
        AcceptInvitation = "accept_invitation",
        /// Read what is stored about oneself.
        ReadSelf = "read_self",
        /// List who may enter a workspace, and who is invited.
        ListTeam = "list_team",
        /// Invite people to a workspace, change their roles, end their access.
        ChangeTeam = "change_team",
        /// Add a user of the installation.
        AddUser = "add_user",
        /// List the users of the installation.
        ListUsers = "list_users",
        /// Remove a user from the installation.
        RemoveUser = "remove_user",
        /// Let a user choose a new password, or remove their second factor.
        ResetUser = "reset_user",
        /// List the sessions of a user, or end them.
        ManageSessions = "manage_sessions",
        /// Set or remove the identity provider of the staff.
        ChangeIdentityProvider = "change_identity_provider",
        /// Show the identity provider of the staff.
        ShowIdentityProvider = "show_identity_provider",
        /// Make the first administrator.
        CompleteSetup = "complete_setup",
        /// Sign in.
        SignIn = "sign_in",
        /// Choose a password by a link.
        ChoosePassword = "choose_password",
        /// Follow an invitation to a workspace.
        JoinWorkspace = "join_workspace",
        /// Change one's own account, and end one's own sessions.
        ManageAccount = "manage_account",
        /// Read the audit log.
        ReadAuditLog = "read_audit_log",
        /// Check, list and export the logs of the installation.
        CheckLogs = "check_logs",
        /// Delete what its time of storage has ended for, or plan that.
        RunRetention = "run_retention",
        /// Read the log of destruction, and acts made of it.
        ReadDestructionLog = "read_destruction_log",
        /// Close a workspace for good, or take that back.
        EndWorkspace = "end_workspace",
    }
}

/// What an action concerns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// The whole installation.
    Installation,
    /// One workspace.
    Workspace,
    /// The recipient who performs it, identified by a token.
    Recipient,
    /// The account of the user who performs it, or that they come to by a link.
    Account,
}

const OPERATOR: &[Role] = &[Role::Operator];
const OWNER: &[Role] = &[Role::Operator, Role::Owner];
const MARKETER: &[Role] = &[Role::Operator, Role::Owner, Role::Marketer];
const ANALYST: &[Role] = &[Role::Operator, Role::Owner, Role::Marketer, Role::Analyst];
const PERSONAL: &[Role] = &[Role::Operator, Role::Owner, Role::Marketer, Role::Support, Role::Auditor];
const AUDITOR: &[Role] = &[Role::Operator, Role::Owner, Role::Auditor];
const STAFF: &[Role] = &[Role::Operator, Role::Owner, Role::Marketer, Role::Analyst, Role::Auditor, Role::Support];
const RECIPIENT: &[Role] = &[Role::Recipient];
const VISITOR: &[Role] = &[Role::Visitor];

impl Action {
    /// What the action concerns, and the roles that may perform it.
    const fn rule(self) -> (Scope, &'static [Role]) {
        use Scope::{Account, Installation, Recipient, Workspace};
        match self {
            Self::AddWorkspace
            | Self::ListWorkspaces
            | Self::ListMachines
            | Self::ForgetMachine
            | Self::ChangeSetting
            | Self::ListSettings
            | Self::RotateTokenKey
            | Self::SearchTraces
            | Self::MigrateStore
            | Self::MakeBackup
            | Self::RestoreBackup
            | Self::ListSetAside
            | Self::SettleSetAside
            | Self::SendMail
            | Self::TakeReturnedMail
            | Self::ReadCapturedMessage
            | Self::AddUser
            | Self::ListUsers
            | Self::RemoveUser
            | Self::ResetUser
            | Self::ManageSessions
            | Self::ChangeIdentityProvider
            | Self::ShowIdentityProvider
            | Self::CheckLogs => (Installation, OPERATOR),
            Self::CloseList
            | Self::RemoveField
            | Self::ChangeBrand
            | Self::ChangePolicy
            | Self::ChangeRelay
            | Self::TestRelay
            | Self::ChangeLane
            | Self::ListTeam
            | Self::ChangeTeam
            | Self::RunRetention
            | Self::EndWorkspace => (Workspace, OWNER),
            Self::AddField
            | Self::IndexField
            | Self::ChangeField
            | Self::AddList
            | Self::ChangeForms
            | Self::ImportContacts
            | Self::SuppressContacts
            | Self::UndoImport
            | Self::AddContact
            | Self::RenameList
            | Self::RemoveSegment
            | Self::SaveSegment
            | Self::AddCampaign
            | Self::PreflightCampaign
            | Self::TestCampaign
            | Self::ScheduleCampaign
            | Self::StartCampaign
            | Self::PauseCampaign
            | Self::ResumeCampaign
            | Self::RecallCampaign
            | Self::CancelCampaign
            | Self::RemoveCampaign
            | Self::ChangePictures
            | Self::StopSeries
            | Self::ResumeSeries
            | Self::SettleUncertain
            | Self::CorrectContact
            | Self::RestrictContact
            | Self::UnrestrictContact
            | Self::UnsuppressContact
            | Self::WithdrawConsent
            | Self::ManageRequests
            | Self::EraseContact
            | Self::InviteContact
            | Self::ExportContacts => (Workspace, MARKETER),
            Self::Export => (Workspace, ANALYST),
            Self::ReadAuditLog | Self::ReadDestructionLog => (Workspace, AUDITOR),
            Self::ShowContact | Self::ProveConsent | Self::ListRequests | Self::ListContacts | Self::ListUncertain => {
                (Workspace, PERSONAL)
            }
            Self::ListFields
            | Self::ListLists
            | Self::ListForms
            | Self::ListSegments
            | Self::ReadSegment
            | Self::ShowBrand
            | Self::ReadPolicy
            | Self::ShowCampaign
            | Self::ListPictures
            | Self::ShowRelay
            | Self::ListLanes
            | Self::ReadReturnedMail
            | Self::ReadOverview => (Workspace, STAFF),
            Self::Unsubscribe
            | Self::EraseSelf
            | Self::ChangeSelf
            | Self::SignUp
            | Self::AcceptInvitation
            | Self::ReadSelf
            | Self::ReadPublishedPolicy => (Recipient, RECIPIENT),
            Self::CompleteSetup | Self::SignIn | Self::ChoosePassword | Self::JoinWorkspace | Self::ManageAccount => {
                (Account, VISITOR)
            }
        }
    }

    /// Whether the action sends, measures, exports or adds data, which a workspace that has ended does no more.
    pub const fn is_blocked_by_end(self) -> bool {
        matches!(
            self,
            Self::ImportContacts
                | Self::AddContact
                | Self::InviteContact
                | Self::TestCampaign
                | Self::ScheduleCampaign
                | Self::StartCampaign
                | Self::ResumeCampaign
                | Self::ResumeSeries
                | Self::Export
                | Self::ExportContacts
        )
    }

    /// What the action concerns.
    pub const fn scope(self) -> Scope {
        self.rule().0
    }

    /// True when the role may perform the action.
    pub fn is_permitted_to(self, role: Role) -> bool {
        self.rule().1.contains(&role)
    }
}

#[cfg(test)]
mod tests;
