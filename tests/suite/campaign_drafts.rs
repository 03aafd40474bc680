//! Drafts: removed, copied and edited; campaigns compared; what the commands say.

use sendoff::campaign::launch;
use sendoff::cli;
use sendoff::cli::campaign::Command;
use sendoff::infra::i18n::Lang;

use crate::fixture::{Fixture, both};

const SOURCE: &str =
    "+++\nname = \"autumn\"\nlist = \"News\"\nfrom = \"Shop <shop@x.test>\"\nsubject = \"Hi\"\n+++\nHello\n";

async fn run(fixture: &Fixture, command: Command) -> Result<String, &'static str> {
    let output = cli::campaign::run(&fixture.installation, &fixture.actor, command, Lang::EN).await;
    output.map(|output| output.text).map_err(|error| error.message().key)
}

fn edit(name: &str, editor: &str) -> Command {
    Command::Edit { name: name.to_owned(), editor: editor.to_owned() }
}

both!(a_draft_is_copied_edited_and_removed, |fixture| {
    let list = fixture.subscribe("News", &["a@x.test"]).await;
    let campaign = fixture.save_draft(fixture.workspace.id, list, "autumn", SOURCE).await;
    let (old, new) = ("autumn".to_owned(), "winter".to_owned());

    let copied = run(fixture, Command::Duplicate { name: old.clone(), new: new.clone() }).await.expect("copied");
    assert!(copied.contains("“winter” is a copy of “autumn”"), "{copied}");
    assert_eq!(run(fixture, Command::Duplicate { name: old.clone(), new: new.clone() }).await, Err("campaign-exists"));

    assert!(run(fixture, edit("winter", "true")).await.expect("looked at").contains("Nothing was changed"));
    assert!(run(fixture, edit("winter", "sed -i s/Hello/Welcome/")).await.expect("edited").contains("is replaced."));
    let path = |name: &str| fixture.installation.config.data.join(name);
    let left = || {
        std::fs::read_dir(path("."))
            .expect("listed")
            .flatten()
            .find(|file| file.path().display().to_string().contains("/edit-"))
    };
    assert!(left().is_none(), "the temporary file is removed");
    for (editor, key) in [
        ("sed -i s/winter/spring/", "campaign-edit-refused"),
        ("sed -i s/subject/subjekt/", "campaign-edit-refused"),
        ("false", "campaign-editor"),
    ] {
        assert_eq!(run(fixture, edit("winter", editor)).await, Err(key), "{editor}");
        assert_eq!(run(fixture, edit("winter", "true")).await, Err("campaign-edit-left"), "the text is kept");
        std::fs::remove_file(left().expect("kept").path()).expect("removed");
    }

    launch::start(&fixture.installation, &campaign).await.expect("started");
    assert_eq!(run(fixture, edit("autumn", "true")).await, Err("campaign-edit-started"));
    assert_eq!(run(fixture, Command::Rm { name: old.clone() }).await, Err("campaign-remove-launched"));
    let compared = run(fixture, Command::Compare { names: vec![old, new.clone()] }).await.expect("compared");
    assert!(compared.lines().any(|line| line.contains("autumn") && line.contains("winter")), "{compared}");
    assert!(compared.lines().any(|line| line.starts_with("planned ") && line.ends_with('0')), "{compared}");
    assert!(run(fixture, Command::Rm { name: new.clone() }).await.expect("removed").contains("is removed"));
    assert_eq!(run(fixture, Command::Show { name: new, watch: false }).await, Err("campaign-unknown"));
});

both!(one_setting_is_read, |fixture| {
    use sendoff::cli::setting::Command;
    let run = |command| cli::setting::run(&fixture.installation, &fixture.actor, command, Lang::EN);
    let output = run(Command::Get { key: "hold".to_owned() }).await.expect("read");
    assert_eq!((output.text.parse::<u32>().is_ok(), output.json["hold"].is_string()), (true, true));
    assert_eq!(run(Command::Get { key: "hald".to_owned() }).await.expect_err("unknown").exit_code(), 2);
});
