// Adds a button that copies to each block of commands. Without it the page lacks nothing but the buttons.
if (navigator.clipboard) {
	for (const block of document.querySelectorAll(".copy")) {
		const button = document.createElement("button");
		const text = block.querySelector("code").textContent;
		button.type = "button";
		button.textContent = "Copy";
		button.setAttribute("aria-label", "Copy: " + block.dataset.what);
		button.addEventListener("click", async () => {
			try {
				await navigator.clipboard.writeText(text);
				button.textContent = "Copied";
			} catch {
				button.textContent = "Not allowed";
			}
			setTimeout(() => { button.textContent = "Copy"; }, 2000);
		});
		block.append(button);
	}
}
