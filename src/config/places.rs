//! The place of a problem in words: the names that its operator has given.

use super::substitute;
use super::yaml_tree::{MappingEntry, Node, NodeShape};

/// The characters of a name that are shown.
const LONGEST_NAME: usize = 60;

/// The named things on a path: `route "chat", step 2` for `routes[0].steps[1].model`; empty where there are none.
pub(super) fn in_words(document: &[MappingEntry], path: &str) -> String {
    let (mut words, mut has_name) = (Vec::new(), false);
    let mut entries = document;
    for part in path.split('.') {
        let Some((key, index)) = part.strip_suffix(']').and_then(|part| part.split_once('['))
        else {
            break;
        };
        let thing = match key {
            "routes" => "route",
            "steps" => "step",
            "providers" => "provider",
            "api_keys" => "client",
            _ => break,
        };
        let element = index
            .parse::<usize>()
            .ok()
            .and_then(|index| Some((index, element(entries, key, index)?)));
        let Some((index, inside)) = element else {
            break;
        };
        words.push(match name(inside) {
            Some(name) => {
                has_name = true;
                format!("{thing} {name:?}")
            }
            None => format!("{thing} {}", index + 1),
        });
        entries = inside;
    }
    if has_name {
        words.join(", ")
    } else {
        String::new()
    }
}

/// The mapping at an index of a list.
fn element<'d>(entries: &'d [MappingEntry], key: &str, index: usize) -> Option<&'d [MappingEntry]> {
    let found = entries.iter().find(|entry| entry.key == key)?;
    match &found.node.shape {
        NodeShape::List(elements) => match elements.get(index)? {
            Node {
                shape: NodeShape::Map(entries),
                ..
            } => Some(entries),
            _ => None,
        },
        _ => None,
    }
}

fn name(entries: &[MappingEntry]) -> Option<String> {
    let found = entries.iter().find(|entry| entry.key == "name")?;
    match &found.node.shape {
        NodeShape::Scalar(name) if !name.is_empty() => {
            let name = substitute::unprotect(name);
            Some(name.chars().take(LONGEST_NAME).collect())
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::yaml_tree;
    use super::*;

    #[test]
    fn names_stand_for_the_numbers_of_a_path() {
        let document = yaml_tree::parse(
            "providers: [{name: a}, {base_url: x}]\n\
             routes: [{name: chat, steps: [{provider: a}, {model: m}]}, 7, {steps: [{}]}]\n\
             api_keys: [{name: home}]\n",
        )
        .unwrap();
        for (path, words) in [
            ("routes[0].steps[1].model", "route \"chat\", step 2"),
            ("routes[0].timeout", "route \"chat\""),
            ("routes[0].steps[9].model", "route \"chat\""),
            ("routes[1].steps[0]", ""),
            ("routes[2].steps[0].model", ""),
            ("providers[0].api_keys[3]", "provider \"a\""),
            ("providers[1].base_url", ""),
            ("api_keys[0].key", "client \"home\""),
            ("server.max_head", ""),
            ("", ""),
        ] {
            assert_eq!(in_words(&document, path), words, "{path}");
        }
    }
}
