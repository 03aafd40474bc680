//! Pages of the privacy policy in the desk: what it does, its file, chosen or as text, to check, plan and apply, the notice of a new edition, and
//! the proof of its promises to print.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Multipart, State};
use axum::http::StatusCode;
use axum::response::Response;

use super::DeskState;
use super::visit::Visit;
use crate::infra::error::Message;
use crate::usecase::Action;
use crate::usecase::policy::notice::{self, NoticeRequest, NoticeView};
use crate::usecase::policy::proof::{self, Proof};
use crate::usecase::policy::{self, Checked, Effect, Plan, PolicyFile, PolicyView};
use crate::web::form::Form;
use crate::web::refusal::Refusal;

/// Begins the names of the form fields that hold uploaded texts.
const TEXT: &str = "text-";
/// Bytes of a policy file and its texts.
pub const UPLOAD_LIMIT: usize = 4 * 1024 * 1024;

#[derive(Template)]
#[template(path = "desk/policy.html")]
struct PolicyPage {
    visit: Visit,
    title: String,
    view: Option<PolicyView>,
    /// Which policy is in force since when.
    in_force: String,
    /// The path of the public page, where there is a policy.
    public: String,
    form: Form,
    /// What the file in the form would do.
    checked: Option<(Checked, Plan)>,
    notice: Option<NoticeView>,
    /// Whether an edition is to come.
    is_coming: bool,
}

impl PolicyPage {
    /// The parts of an effect with their heads.
    fn parts<'e>(&self, effect: &'e Effect) -> [(String, &'e [Message]); 3] {
        [
            (self.visit.tr("policy-head-allows"), &effect.allows),
            (self.visit.tr("policy-head-refuses"), &effect.refuses),
            (self.visit.tr("policy-head-deletes"), &effect.deletes),
        ]
    }
}

#[derive(Template)]
#[template(path = "desk/policy_proof.html")]
struct ProofPage {
    visit: Visit,
    title: String,
    proof: Proof,
    at: String,
}

/// `GET /privacy/policy`
pub async fn read(State(desk): State<Arc<DeskState>>, visit: Visit) -> Result<Response, Refusal> {
    let page = page(&desk, visit, None).await?;
    Ok(page.visit.show(&page))
}

/// `POST /privacy/policy/check`: what the file in the form would do.
pub async fn check(State(desk): State<Arc<DeskState>>, visit: Visit, form: Form) -> Result<Response, Refusal> {
    let file = file(&desk, &visit, &form).await?;
    let checked = async {
        let checked = policy::check(&desk.installation, &visit.actor, &file).await?;
        Ok((checked, policy::plan(&desk.installation, &visit.actor, &file).await?))
    };
    match checked.await {
        Ok(checked) => {
            let page = PolicyPage { checked: Some(checked), ..page(&desk, visit, Some(form)).await? };
            Ok(page.visit.show(&page))
        }
        Err(error) => refused(&desk, visit, form, error).await,
    }
}

/// `POST /privacy/policy/file`: takes a policy file and the texts it names, and shows what they would do.
pub async fn upload(
    State(desk): State<Arc<DeskState>>,
    visit: Visit,
    mut parts: Multipart,
) -> Result<Response, Refusal> {
    let broken = |_| Refusal::new(StatusCode::BAD_REQUEST, "desk-import-broken");
    let (mut values, mut wrong) = (Vec::new(), None);
    while let Some(part) = parts.next_field().await.map_err(broken)? {
        let name = part.file_name().unwrap_or_default().to_owned();
        let bytes = part.bytes().await.map_err(broken)?;
        if name.is_empty() {
            continue;
        }
        match String::from_utf8(bytes.into()) {
            Ok(text) if name.to_lowercase().ends_with(".toml") => values.push(("source".to_owned(), text)),
            Ok(text) => values.push((format!("{TEXT}{name}"), text)),
            Err(error) => {
                let at = error.utf8_error().valid_up_to() + 1;
                wrong = Some(Message::new("campaign-file-encoding").with("at", at).invalid_field("file"));
            }
        }
    }
    let has_source = values.iter().any(|(name, _)| name == "source");
    let form = Form::of(values.iter().map(|(name, text)| (name.as_str(), text.clone())));
    match wrong {
        Some(error) => refused(&desk, visit, form, error).await,
        None if !has_source => {
            let error = Message::new("desk-policy-no-file").invalid_field("file");
            refused(&desk, visit, form, error).await
        }
        None => check(State(desk), visit, form).await,
    }
}

/// `POST /privacy/policy/apply`
pub async fn apply(State(desk): State<Arc<DeskState>>, visit: Visit, form: Form) -> Result<Response, Refusal> {
    let file = file(&desk, &visit, &form).await?;
    match policy::apply(&desk.installation, &visit.actor, &file).await {
        Ok(_) => Ok(visit.go("privacy/policy", "saved")),
        Err(error) => refused(&desk, visit, form, error).await,
    }
}

/// `POST /privacy/policy/notice`: tells everyone of the coming edition.
pub async fn announce(State(desk): State<Arc<DeskState>>, visit: Visit, form: Form) -> Result<Response, Refusal> {
    let request = NoticeRequest { from: form.given("from").map(str::to_owned), local: false };
    match Box::pin(notice::send(&desk.installation, &visit.actor, &request)).await {
        Ok(_) => Ok(visit.go("privacy/policy", "started")),
        Err(error) => refused(&desk, visit, form, error).await,
    }
}

/// `GET /privacy/policy/proof`
pub async fn prove(State(desk): State<Arc<DeskState>>, visit: Visit) -> Result<Response, Refusal> {
    if policy::show(&desk.installation, &visit.actor).await?.is_none() {
        return Ok(visit.go("privacy/policy", ""));
    }
    let proof = proof::prove(&desk.installation, &visit.actor).await?;
    let at = crate::usecase::output::utc(proof.at);
    let page = ProofPage { title: visit.tr("desk-policy-proof"), proof, at, visit };
    Ok(page.visit.show(&page))
}

async fn file(desk: &DeskState, visit: &Visit, form: &Form) -> Result<PolicyFile, Refusal> {
    let mut files = policy::files(&desk.installation, &visit.actor).await?;
    let plain = |text: &str| text.replace("\r\n", "\n");
    files.extend(form.with_prefix(TEXT).map(|(name, text)| (name.to_owned(), plain(text))));
    Ok(PolicyFile { source: plain(form.value("source")), files })
}

async fn refused(
    desk: &DeskState,
    visit: Visit,
    form: Form,
    error: crate::infra::error::Error,
) -> Result<Response, Refusal> {
    let form = form.refused(visit.frame.lang, error)?;
    let page = page(desk, visit, Some(form)).await?;
    Ok(page.visit.refuse(&page))
}

async fn page(desk: &DeskState, visit: Visit, form: Option<Form>) -> Result<PolicyPage, Refusal> {
    let view = policy::show(&desk.installation, &visit.actor).await?;
    let source = || view.as_ref().map(|view| view.source.clone()).unwrap_or_default();
    let form = form.filter(|form| form.has("source")).unwrap_or_else(|| Form::of([("source", source())]));
    let now = desk.installation.clock.now();
    let in_force = view.as_ref().map(|view| {
        let message = Message::new("policy-in-force").with("number", view.number).with("digest", &view.digest[..12]);
        visit.say(&message.with("at", crate::usecase::output::utc(view.applied_at)))
    });
    Ok(PolicyPage {
        title: visit.tr("desk-policy"),
        in_force: in_force.unwrap_or_default(),
        public: format!("/policy/{}", super::visit::segment(&visit.workspace)),
        is_coming: view.as_ref().is_some_and(|view| view.policy.coming_edition(now).is_some()),
        notice: notice::show(&desk.installation, &visit.actor).await?.filter(|notice| !notice.campaigns.is_empty()),
        view,
        form,
        checked: None,
        visit,
    })
}
