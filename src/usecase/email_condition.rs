//! The segments of a workspace as conditions of an email, where they can be.

use super::{Action, Actor};
use crate::audience::segment;
use crate::campaign::frozen_content;
use crate::content::compiled_email::CompiledEmail;
use crate::content::email::{EmailSource, Format, Layout, Tracking};
use crate::content::link::LinkSettings;
use crate::infra::error::Result;
use crate::infra::installation::Installation;

/// Segments that are looked at.
const MAX_SEGMENTS: usize = 40;

/// A segment as a condition.
#[derive(Debug)]
pub struct EmailCondition {
    /// The name of the segment.
    pub segment: String,
    /// What stands in an email.
    pub source: String,
}

/// The segments that ask for nothing but fields, each as a condition that an email can have. The email keeps the condition as it
/// is now, whatever becomes of the segment.
pub async fn list(installation: &Installation, actor: &Actor) -> Result<Vec<EmailCondition>> {
    let permit = actor.permit(installation, Action::ShowCampaign).await?;
    let mut conn = installation.db.read().await?;
    let context = frozen_content::email_context(&mut conn, permit.workspace, String::new(), None).await?;
    let mut found = Vec::new();
    for one in segment::all(&mut conn, permit.workspace).await?.into_iter().take(MAX_SEGMENTS) {
        // A segment whose list or field is gone is no condition either.
        let Ok(expression) = segment::resolve(&mut conn, permit.workspace, &one.expression).await else { continue };
        let Some(condition) = expression.email_condition() else { continue };
        let source = format!("{{% if {condition} %}}…{{% else %}}…{{% endif %}}");
        if CompiledEmail::compile(&email(&source), &context).is_ok() {
            found.push(EmailCondition { segment: one.name, source });
        }
    }
    permit.skip_audit();
    Ok(found)
}

/// An email that is nothing but this text.
fn email(body: &str) -> EmailSource {
    EmailSource {
        subject: "-".to_owned(),
        preheader: String::new(),
        layout: Layout::Plain,
        format: Format::Md,
        body: body.to_owned(),
        tracking: Tracking::None,
        links: LinkSettings::default(),
    }
}
