//! A ranking: whether each result is of a document and has a score, and the form in which clients read it.

use crate::dialect::annotation::Annotation;
use crate::dialect::answer::{Flaw, JudgedWhole, Says};
use crate::dialect::provider_error::{ProviderError, error_in, error_of};
use crate::dialect::reading::Asked;
use crate::dialect::repairs::Repairs;
use crate::dialect::step_traits::RerankForm;
use crate::dialect::usage::Usage;
use crate::json::{ObjectError, raw};

use super::request::{documents, most_results, wants_documents};
use super::result::RankedDocument;

/// The parts of a question that a ranking is judged by.
struct Question<'a> {
    /// Raw.
    documents: Vec<&'a str>,
    most: Option<usize>,
    wants_documents: bool,
    form: RerankForm,
}

impl<'a> Question<'a> {
    fn new(asked: &Asked<'a>) -> Self {
        let request = asked.request;
        Self {
            documents: request.map(documents).unwrap_or_default(),
            most: request.and_then(most_results),
            wants_documents: request.is_some_and(wants_documents),
            form: asked.step.rerank,
        }
    }
}

/// Judges a body, and gives it the form that clients read: results sorted by falling score, with their documents where
/// those are wanted.
///
/// # Errors
/// The reason why no client can be given it.
pub fn judge(body: &str, asked: &Asked<'_>) -> Result<JudgedWhole, Flaw> {
    let question = Question::new(asked);
    let answer = Answer::read(body, question.form)?;
    if let Some(error) = answer.error {
        return Err(Flaw::ErrorObject(error));
    }
    let Some(raw_results) = answer.results else {
        let none = || Flaw::NoAnswer("the answer has no results".to_owned());
        return Err(error_of(body).map_or_else(none, Flaw::ErrorObject));
    };
    let mut results = read_results(raw_results)?;
    if results.is_empty() && !question.documents.is_empty() && question.most != Some(0) {
        return Err(error_of(body).map_or(Flaw::EmptyContent, Flaw::ErrorObject));
    }
    check(&results, question.documents.len())?;
    let is_sorted = results.is_sorted_by(|one, next| one.score >= next.score);
    if !is_sorted {
        results.sort_by(|one, other| other.score.total_cmp(&one.score));
    }
    if let Some(most) = question.most.filter(|most| results.len() > *most) {
        // Text Embeddings Inference ranks all; others were asked for so many.
        if question.form != RerankForm::Tei {
            let count = results.len();
            return Err(Flaw::NoAnswer(format!(
                "the answer has {count} results, more than the {most} of top_n"
            )));
        }
        results.truncate(most);
    }
    let lacks_documents =
        question.wants_documents && results.iter().any(RankedDocument::lacks_document);
    let stays = question.form == RerankForm::Cohere && is_sorted && !lacks_documents;
    let mended = (!stays).then(|| rewritten(body, raw_results, &results, &question));
    let annotation = match &mended {
        None => answer.annotation,
        Some(text) => Annotation::read(text, &mut |_, _| ())
            .map_err(|error| Flaw::NotJson(error.to_string()))?
            .without_model(),
    };
    Ok(JudgedWhole {
        annotation,
        usage: answer.usage,
        says: Says::Content,
        mended,
        repairs: Repairs::default(),
    })
}

/// The top level of an answer.
struct Answer<'a> {
    annotation: Annotation,
    error: Option<Box<ProviderError>>,
    /// Raw; none where there is no array.
    results: Option<&'a str>,
    usage: Option<Usage>,
}

impl<'a> Answer<'a> {
    fn read(body: &'a str, form: RerankForm) -> Result<Self, Flaw> {
        let mut answer = Self {
            annotation: Annotation::nowhere(),
            error: None,
            results: None,
            usage: None,
        };
        let trimmed = body.trim_ascii();
        if form == RerankForm::Tei && raw::is_array(trimmed) && error_of(body).is_none() {
            answer.results = Some(trimmed);
            return Ok(answer);
        }
        let name = match form {
            RerankForm::Voyage => "data",
            RerankForm::Cohere | RerankForm::Tei => "results",
        };
        let annotation = Annotation::read(body, &mut |key, value| match key {
            "error" => answer.error = error_in(value),
            "usage" => answer.usage = Usage::of(value).or(answer.usage),
            // Cohere's place for it.
            "meta" => answer.usage = answer.usage.or(Usage::of(value)),
            _ if key == name => answer.results = Some(value).filter(|value| raw::is_array(value)),
            _ => {}
        });
        let annotation = annotation.map_err(|error| match error {
            ObjectError::NotAnObject => error_of(body).map_or(Flaw::NotAnObject, Flaw::ErrorObject),
            other => Flaw::NotJson(other.to_string()),
        })?;
        answer.annotation = annotation.without_model();
        Ok(answer)
    }
}

fn read_results(array: &str) -> Result<Vec<RankedDocument<'_>>, Flaw> {
    let mut results = Vec::new();
    let mut problem = None;
    let read = raw::each_item(array, &mut |item| match RankedDocument::read(item) {
        Ok(result) => results.push(result),
        Err(flaw) => problem = problem.take().or(Some(flaw)),
    });
    if read.is_err() {
        return Err(Flaw::NotJson("the results are cut".to_owned()));
    }
    problem.map_or(Ok(results), Err)
}

/// Checks that each result is of a document of its own.
fn check(results: &[RankedDocument<'_>], documents: usize) -> Result<(), Flaw> {
    let mut ranked = vec![false; documents];
    for result in results {
        match ranked.get_mut(result.index) {
            Some(is_ranked) if !*is_ranked => *is_ranked = true,
            Some(_) => {
                let index = result.index;
                return Err(Flaw::NoAnswer(format!(
                    "the answer has the index {index} twice"
                )));
            }
            None => {
                let index = result.index;
                return Err(Flaw::NoAnswer(format!(
                    "the answer has the index {index}, and there were {documents} documents"
                )));
            }
        }
    }
    Ok(())
}

/// The body with other results; all else byte for byte, but for the name of the member in which they are.
fn rewritten(
    body: &str,
    raw_results: &str,
    results: &[RankedDocument<'_>],
    question: &Question<'_>,
) -> String {
    let mut array = String::with_capacity(raw_results.len());
    array.push('[');
    for (place, result) in results.iter().enumerate() {
        if place > 0 {
            array.push(',');
        }
        let requested = question.documents.get(result.index).copied();
        let requested = requested.filter(|_| question.wants_documents);
        result.push(&mut array, question.form, requested);
    }
    array.push(']');
    let mut out = String::with_capacity(body.len() + array.len());
    let mut copied = 0;
    // An array has no members: it is the results alone.
    let read = raw::each_member(body, &mut |key, value| {
        if raw::offset(body, value) == raw::offset(body, raw_results) {
            let at = raw::offset(body, key);
            out.push_str(body.get(copied..at).unwrap_or_default());
            out.push_str("\"results\":");
            out.push_str(&array);
            copied = raw::offset(body, value) + value.len();
        }
    });
    if read.is_err() {
        return format!("{{\"results\":{array}}}");
    }
    out.push_str(body.get(copied..).unwrap_or_default());
    out
}

#[cfg(test)]
mod tests {
    use super::super::request::read;
    use super::*;
    use crate::dialect::reading::Reading;
    use crate::dialect::step_traits::StepTraits;

    fn judged(form: RerankForm, more: &str, body: &str) -> Result<JudgedWhole, Flaw> {
        let request = format!(
            r#"{{"model":"r","query":"q","documents":["zero",{{"text":"one","id":7}},"two"]{more}}}"#
        );
        let request = read(request.as_bytes()).unwrap();
        let step = StepTraits {
            rerank: form,
            ..StepTraits::default()
        };
        judge(
            body,
            &Asked {
                request: Some(&request),
                step: &step,
                reading: Reading::default(),
            },
        )
    }

    fn text(form: RerankForm, more: &str, body: &str) -> String {
        let judged = judged(form, more, body).unwrap();
        judged.mended.unwrap_or_else(|| body.to_owned())
    }

    fn of(results: &str) -> String {
        format!(r#"{{ "id":"x","results":{results},"model":"m","usage":{{"prompt_tokens":4}} }}"#)
    }

    #[test]
    fn a_right_answer_stays_as_it_came() {
        for (more, results) in [
            (
                "",
                r#"[{"index":2,"relevance_score":0.9},{"index":0,"relevance_score":0.9}, {"index":1,"relevance_score":-3e-2,"x":[]}]"#,
            ),
            (r#","top_n":1"#, r#"[{"relevance_score":1,"index":1}]"#),
            (r#","top_n":0"#, "[]"),
            (
                r#","return_documents":true"#,
                r#"[{"index":0,"relevance_score":1,"document":{"text":"zero"}}]"#,
            ),
        ] {
            let body = of(results);
            let judged = judged(RerankForm::Cohere, more, &body).unwrap();
            assert_eq!(judged.mended, None, "{results}");
            assert_eq!(judged.usage.unwrap().prompt_tokens, Some(4));
            let mut out = String::new();
            judged
                .annotation
                .write(&mut out, &body, Some("r"), Some("1"));
            assert_eq!(out, body.replace("4} }", r#"4},"routing_summary":1 }"#));
        }
    }

    #[test]
    fn results_are_sorted_and_have_the_documents_that_are_wanted() {
        let results = r#"[{"index":0,"relevance_score":0.1},{"index":1,"relevance_score":0.5},{"index":2,"relevance_score":1e-3,"document":null}]"#;
        assert_eq!(
            text(RerankForm::Cohere, "", &of(results)),
            of(
                r#"[{"index":1,"relevance_score":0.5},{"index":0,"relevance_score":0.1},{"index":2,"relevance_score":1e-3,"document":null}]"#
            )
        );
        assert_eq!(
            text(
                RerankForm::Cohere,
                r#","return_documents":true"#,
                &of(results)
            ),
            of(
                r#"[{"index":1,"relevance_score":0.5,"document":{"text":"one","id":7}},{"index":0,"relevance_score":0.1,"document":{"text":"zero"}},{"index":2,"relevance_score":1e-3,"document":{"text":"two"}}]"#
            )
        );
    }

    #[test]
    fn text_embeddings_inference_is_read_in_its_form() {
        let body = r#" [{"index":1,"text":"one","score":0.25},{"index":0,"text":"zero","score":0.5},{"index":2,"score":0.1}]"#;
        assert_eq!(
            text(RerankForm::Tei, r#","top_n":2"#, body),
            r#"{"results":[{"index":0,"relevance_score":0.5,"document":{"text":"zero"}},{"index":1,"relevance_score":0.25,"document":{"text":"one"}}]}"#
        );
        let all = text(RerankForm::Tei, r#","return_documents":true"#, body);
        assert!(
            all.ends_with(r#"{"index":2,"relevance_score":0.1,"document":{"text":"two"}}]}"#),
            "{all}"
        );
        let refused = r#"{"error":"batch size 64 > maximum allowed batch size 32","error_type":"Validation"}"#;
        assert!(matches!(
            judged(RerankForm::Tei, "", refused),
            Err(Flaw::ErrorObject(_))
        ));
    }

    #[test]
    fn voyage_is_read_in_its_form() {
        let body = r#"{"object":"list","data":[{"relevance_score":0.9,"index":1,"document":"one"},{"relevance_score":0.2,"index":0}],"model":"v","usage":{"total_tokens":3}}"#;
        assert_eq!(
            text(RerankForm::Voyage, "", body),
            r#"{"object":"list","results":[{"index":1,"relevance_score":0.9,"document":{"text":"one"}},{"index":0,"relevance_score":0.2}],"model":"v","usage":{"total_tokens":3}}"#
        );
    }

    #[test]
    fn what_ranks_no_documents_is_no_answer() {
        for (more, results, words) in [
            ("", r#"[{"index":3,"relevance_score":1}]"#, "index 3"),
            ("", r#"[{"index":-1,"relevance_score":1}]"#, "no index"),
            ("", r#"[{"index":"0","relevance_score":1}]"#, "no index"),
            ("", r#"[{"relevance_score":1}]"#, "no index"),
            (
                "",
                r#"[{"index":0,"relevance_score":1},{"index":0,"relevance_score":0}]"#,
                "twice",
            ),
            ("", r#"[{"index":0}]"#, "relevance_score"),
            (
                "",
                r#"[{"index":0,"relevance_score":null}]"#,
                "relevance_score",
            ),
            (
                "",
                r#"[{"index":0,"relevance_score":"1"}]"#,
                "relevance_score",
            ),
            ("", "[7]", "relevance_score"),
            (
                r#","top_n":1"#,
                r#"[{"index":0,"relevance_score":1},{"index":1,"relevance_score":0}]"#,
                "top_n",
            ),
        ] {
            let flaw = judged(RerankForm::Cohere, more, &of(results)).unwrap_err();
            assert!(matches!(flaw, Flaw::NoAnswer(_)), "{results}");
            assert!(flaw.to_string().contains(words), "{results}: {flaw}");
        }
        let empty = judged(RerankForm::Cohere, "", &of("[]"));
        assert_eq!(empty, Err(Flaw::EmptyContent));
        for body in ["{}", r#"{"results":{}}"#, r#"{"results":null}"#] {
            let flaw = judged(RerankForm::Cohere, "", body).unwrap_err();
            assert!(matches!(flaw, Flaw::NoAnswer(_)), "{body}");
        }
        assert_eq!(judged(RerankForm::Cohere, "", "[]"), Err(Flaw::NotAnObject));
        let error = r#"{"error":{"message":"busy"},"results":[]}"#;
        assert!(matches!(
            judged(RerankForm::Cohere, "", error),
            Err(Flaw::ErrorObject(_))
        ));
    }
}
