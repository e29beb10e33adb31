//! A request to rank documents: reading it, and giving it the form that a step's provider takes.

use crate::dialect::json_request::{object_of, texts_of};
use crate::dialect::request::{Payload, Request, RequestError, model_of};
use crate::dialect::step_traits::RerankForm;
use crate::json::{Object, raw};

/// Takes a body apart as far as routing needs; what the documents are is the provider's business.
///
/// # Errors
/// The first fault in the body.
pub fn read(body: &[u8]) -> Result<Request<'_>, RequestError> {
    let object = object_of(body)?;
    let model = model_of(object.get("model"))?;
    match object.get("documents") {
        None => return Err(RequestError::missing("documents")),
        Some(documents) if raw::is_array(documents) => {}
        Some(_) => return Err(RequestError::invalid("documents", "an array")),
    }
    Ok(Request {
        model,
        stream: false,
        payload: Payload::Json(object),
    })
}

/// The documents of a request, raw.
pub fn documents<'r>(request: &'r Request<'_>) -> Vec<&'r str> {
    let object = request.payload.object();
    let documents = object.and_then(|object| object.get("documents"));
    let mut found = Vec::new();
    // The body was read before.
    let _ = raw::each_item(documents.unwrap_or_default(), &mut |document| {
        found.push(document);
    });
    found
}

/// The most results that the client wants; none if it wants all.
pub fn most_results(request: &Request<'_>) -> Option<usize> {
    let most = request.payload.object()?.get("top_n")?;
    usize::try_from(raw::whole_number(most)?).ok()
}

/// Whether the client wants the documents in the answer.
pub fn wants_documents(request: &Request<'_>) -> bool {
    let object = request.payload.object();
    object.and_then(|object| object.get("return_documents")) == Some("true")
}

/// The length of the documents that the client wants in the answer (bytes); zero if it wants none.
pub fn returned_length(request: &Request<'_>) -> usize {
    let object = request.payload.object();
    let documents = object.and_then(|object| object.get("documents"));
    documents
        .filter(|_| wants_documents(request))
        .map_or(0, str::len)
}

/// Makes a request what the provider takes.
pub fn fit(sent: &mut Object<'_>, form: RerankForm) {
    match form {
        RerankForm::Cohere => {}
        RerankForm::Voyage => rename(sent, "top_n", "top_k"),
        RerankForm::Tei => {
            if let Some(texts) = texts_of(sent.get("documents").unwrap_or_default()) {
                sent.remove("documents");
                sent.set("texts", texts);
            } else {
                rename(sent, "documents", "texts");
            }
            rename(sent, "return_documents", "return_text");
            // All are ranked there; the answer is cut here.
            sent.remove("top_n");
        }
    }
}

fn rename(sent: &mut Object<'_>, name: &str, to: &str) {
    if let Some(value) = sent.get(name).map(str::to_owned) {
        sent.remove(name);
        sent.set(to, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fitted(body: &str, form: RerankForm) -> String {
        let mut object = Object::parse(body).unwrap();
        fit(&mut object, form);
        object.to_json()
    }

    #[test]
    fn a_client_is_told_what_is_wrong_and_where() {
        for (body, param) in [
            (r#"{"documents":[]}"#, "model"),
            (r#"{"model":"r","query":"q"}"#, "documents"),
            (r#"{"model":"r","documents":"a"}"#, "documents"),
        ] {
            let error = read(body.as_bytes()).unwrap_err();
            assert_eq!(error.param(), Some(param), "{body}");
        }
        let request =
            r#"{"model":"r","documents":["a",{"text":"b"}],"top_n":1,"return_documents":true}"#;
        let request = read(request.as_bytes()).unwrap();
        assert_eq!(documents(&request), [r#""a""#, r#"{"text":"b"}"#]);
        assert_eq!(most_results(&request), Some(1));
        assert!(wants_documents(&request));
    }

    #[test]
    fn each_provider_is_asked_in_its_form() {
        let body = r#"{"model":"m","query":"q","documents":["a", {"text":"\u0062"}],"top_n":2,"return_documents":true}"#;
        assert_eq!(fitted(body, RerankForm::Cohere), body);
        assert_eq!(
            fitted(body, RerankForm::Voyage),
            r#"{"model":"m","query":"q","documents":["a", {"text":"\u0062"}],"return_documents":true,"top_k":2}"#
        );
        assert_eq!(
            fitted(body, RerankForm::Tei),
            r#"{"model":"m","query":"q","texts":["a", "\u0062"],"return_text":true}"#
        );
        assert_eq!(
            fitted(r#"{"documents":["a"]}"#, RerankForm::Tei),
            r#"{"texts":["a"]}"#
        );
    }
}
