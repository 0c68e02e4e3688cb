//! Base models.

use serde::{Deserialize, Serialize};

use super::family::Family;
use crate::ids::BaseModelId;

/// `definitions/models/*.toml`: a pre-trained LLM that agents start from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BaseModelDefinition {
    /// The model.
    pub id: BaseModelId,
    /// Name for people.
    pub title: String,
    /// Decides the chat template.
    pub family: Family,
    /// The class that `config.json` must name.
    pub architecture: String,
    /// The model that its makers post-trained from it, as its name on the hub: what agents are measured against.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instruct: Option<String>,
    /// Where the weights come from.
    pub source: BaseModelSource,
}

impl BaseModelDefinition {
    /// Name of the model's folder below `models/` in the cache. The revision is part of it, so that another pin never
    /// meets the files of this one.
    pub fn folder_name(&self) -> String {
        const SHOWN: usize = 12;
        let id = self.id.to_component();
        match &self.source {
            BaseModelSource::Embedded => id,
            BaseModelSource::Hub { revision, .. } => {
                let pin = revision.as_deref().unwrap_or("unpinned");
                // A definition can come from anywhere; what is no letter or digit could lead out of the folder.
                let pin: String = pin.chars().filter(char::is_ascii_alphanumeric).take(SHOWN).collect();
                format!("{id}-{pin}")
            }
        }
    }
}

/// Where a base model's checkpoint comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "from", rename_all = "kebab-case", deny_unknown_fields)]
pub enum BaseModelSource {
    /// Part of the binary.
    Embedded,
    /// A repository on the Hugging Face hub.
    Hub {
        /// Owner and name.
        repo: String,
        /// The commit. Without it the newest files are taken, and a result cannot be repeated for certain.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        revision: Option<String>,
        /// What its owner wants first, where it is not free for all.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        gated: Option<Gate>,
    },
}

/// What stands before a download.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Gate {
    /// Page on which a person accepts the licence.
    pub licence_page: String,
    /// Environment variable with the access token of that person.
    pub token_variable: String,
}

#[cfg(test)]
mod tests {
    use crate::definitions::{BaseModelSource, Catalog};

    #[test]
    fn models_of_the_hub_are_pinned_and_have_an_instruct_sibling() {
        let catalog = Catalog::embedded().unwrap();
        let mut count = 0;
        for model in catalog.models() {
            let BaseModelSource::Hub { repo, revision, gated } = &model.source else { continue };
            let revision = revision.as_deref().unwrap_or_default();
            assert!(revision.len() == 40 && revision.bytes().all(|byte| byte.is_ascii_hexdigit()), "{}", model.id);
            assert!(model.instruct.as_deref().is_some_and(|instruct| instruct != repo), "{}", model.id);
            assert_eq!(gated.is_some(), repo.starts_with("google/"), "{}", model.id);
            assert_eq!(model.folder_name(), format!("{}-{}", model.id, &revision[..12]));
            count += 1;
        }
        assert_eq!(count, 4);
    }
}
