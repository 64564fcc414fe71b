"""Texts that stand around answers on pages and are no part of them, and refusals: material for planted faults.

All of it is made up. `{other}` is a place for the title of another piece, `{year}` for a year, `{count}` for a number.
"""

from __future__ import annotations

BEHIND = (
    "Share this: Facebook | X | LinkedIn | Email | Print",
    "Share on Facebook\nTweet\nPin it\nCopy link",
    "Was this article helpful? Yes No\n{count} out of 97 readers found it useful.",
    "Rate this page: ★★★★☆ ({count} votes)",
    "Related posts\n- {other}\n- Ten mistakes that beginners make\n- Our readers' questions, answered",
    "You may also like: {other} »",
    "Next: {other} →\n← Previous",
    "Read more on this topic in our archive, or browse by category: News, Guides, Reviews, Opinion.",
    "Sign up for our newsletter and get the best stories straight to your inbox every Friday. No spam, ever.",
    "Enter your email address to subscribe. You can unsubscribe at any time.",
    "{count} Comments\nLog in to leave a comment\nSort by: Newest Oldest Most liked",
    "Leave a Reply\nYour email address will not be published. Required fields are marked *",
    "mike_{count} says:\nGreat post, thanks! Reply\nAnonymous says:\nThis did not work for me. Reply",
    "Posted in Uncategorized | Tagged guide, howto, tips | Permalink",
    "Filed under: Tips & Tricks. Last updated by admin on March {day}, {year}.",
    "© {year} All rights reserved. Terms of use | Privacy policy | Contact us | Sitemap",
    "Copyright {year} the authors. Reproduction without written permission is prohibited.",
    "Home | About | Products | Support | Careers | Contact",
    "Powered by a free theme. Hosted with love. RSS feed",
    "Advertisement\nContinue reading below",
    "Buy now from $19.99 - free shipping on orders over $35. Add to cart",
    "Want more? Start your free 14-day trial today. No credit card needed.",
    "This website uses cookies to give you the best experience. Accept all | Manage settings",
    "About the author\nJamie has written for this site since {year}. Follow Jamie on social media.",
    "Photo: stock image. Click to enlarge.",
    "Download as PDF | View source | History | Edit this page",
    "Show more ▾\nBack to top ↑",
    "Call us at 555-0{count} or visit one of our {count} locations. Open Monday to Friday, 9am to 5pm.",
)
"""What stands behind the text of a page."""

BEFORE = (
    "Home > Guides > {other}",
    "Skip to main content\nMenu\nSearch\nLog in",
    "HOME ABOUT BLOG SHOP CONTACT",
    "We use cookies. By continuing to use this site you agree to our cookie policy. OK",
    "By staff writer | Published May {day}, {year} | {count} min read",
    "Posted on {year}-05-{day} by admin | {count} comments",
    "Subscribe now and save 20 % on your first order! Dismiss",
    "You are here: Home / Questions / Question {count}",
    "Please enable JavaScript to view this page properly.",
    "Jump to: navigation, search",
    "Table of contents [hide]\n1 Overview\n2 Details\n3 See also",
    "Listen to this article ({count} minutes)\nSave for later\nShare",
    "« Previous | Next »\nPage {count} of 97",
    "Advertisement",
)
"""What stands before it."""

FOREIGN = (
    "Diese Website verwendet Cookies. Mit der weiteren Nutzung stimmen Sie dem zu. Einverstanden | Mehr erfahren",
    "Alle Angaben ohne Gewähr. Impressum | Datenschutz | Kontakt | Newsletter abbestellen",
    "Partager cet article sur les réseaux sociaux. Tous droits réservés. Mentions légales | Nous contacter",
    "Abonnez-vous à notre lettre d'information pour recevoir chaque semaine nos meilleurs conseils.",
    "Compartir esta página. Política de privacidad | Aviso legal | Volver al inicio",
    "Suscríbete a nuestro boletín y recibe todas las novedades en tu correo. Artículos relacionados: {other}",
    "Condividi su: Facebook, Twitter. Leggi anche: {other}. Tutti i diritti riservati.",
    "Deel dit bericht. Lees ook: {other}. Alle rechten voorbehouden. Privacyverklaring",
    "Udostępnij znajomym. Polityka prywatności | Regulamin | Kontakt",
    "Поделиться в социальных сетях. Все права защищены. Политика конфиденциальности",
    "このページをシェアする。プライバシーポリシー。お問い合わせ。ページの先頭へ戻る",
    "分享到微信。版权所有。隐私政策。联系我们。返回顶部",
)
"""The same in other languages than English."""

REFUSALS = (
    "I'm sorry, but I can't help with that.",
    "As a language model I do not have the information that would be needed to answer this.",
    "Unfortunately I am not able to respond to this request.",
    "I would suggest that you ask somebody who knows about such things.",
    "There are many sources on the internet where you may find what you are looking for.",
    "It depends on many factors, so no general answer can be given here.",
    "Please consult a professional before you act on anything that you read.",
    "If you have any other questions, feel free to ask, and I will do my best to be of assistance.",
    "I hope that you understand, and I apologise for any inconvenience.",
    "Could you tell me more about what you would like to know?",
)
"""Sentences of an answer that gives none, in an order in which they can follow one another."""
