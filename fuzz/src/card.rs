//! Parses any text as a model card. An accepted card can be written and read again, and needs no
//! more memory than a front end may have.

use afield::engine::backbone_contract;
use afield::frontend::LogMelFrontend;
use afield::model::Card;

/// Runs one input.
pub fn run(bytes: &[u8]) {
    let Ok(text) = str::from_utf8(bytes) else {
        return;
    };
    let Ok(card) = Card::parse(text, "card.toml") else {
        return;
    };
    let written = toml::to_string(&card).expect("a card is writable");
    let again = Card::parse(&written, "card.toml").expect("a written card is readable");
    assert_eq!(again, card);
    assert!(card.window_frames() * card.bands() <= 1 << 24);
    assert!(card.receptive_field_samples() <= 1 << 24 && card.hop_samples() > 0);
    let _ = backbone_contract(&card, None, None);
    let Some(log_mel) = card.log_mel() else {
        return;
    };
    if let Ok(mut frontend) = LogMelFrontend::new(log_mel, card.sample_rate) {
        let mut frames = Vec::new();
        frontend.push(&[0.5; 1024], &mut frames);
        assert!(frames.iter().all(|value| value.is_finite()));
    }
}
